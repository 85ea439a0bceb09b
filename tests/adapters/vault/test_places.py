"""Keys of a vault: one a directory, from which those of further tenants follow."""

import shutil

from homeroom.adapters.vault.places import (
    VAULT_KEY_FILE,
    open_vault_key,
    own_vault_keys,
    vault_key_check,
    vault_key_path,
)


def test_keys_of_tenants_follow_from_the_one_file_and_differ(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    keys = [open_vault_key(here, tenant) for tenant in ("main", "one", "two")]
    assert len({*keys, *map(vault_key_check, keys)}) == 6
    there.mkdir()
    shutil.copy(here / VAULT_KEY_FILE, there)
    assert [open_vault_key(there, tenant) for tenant in ("main", "one", "two")] == keys
    assert [file.name for file in there.rglob("*")] == [VAULT_KEY_FILE]


def test_a_key_that_a_tenant_has_in_its_own_folder_stays(tmp_path):
    old = open_vault_key(tmp_path / "tenants" / "old")
    assert open_vault_key(tmp_path, "old") == old
    assert vault_key_path(tmp_path, "old") == tmp_path / "tenants" / "old" / VAULT_KEY_FILE
    assert own_vault_keys(tmp_path) == ["old"]
    assert not (tmp_path / VAULT_KEY_FILE).exists()
