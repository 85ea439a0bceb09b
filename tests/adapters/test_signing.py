"""A node's key is made once, is its owner's alone, and makes signatures that nobody else can."""

import stat

import pytest

from homeroom.adapters.signing import KnownKeys, NodeKey, open_node_key
from homeroom.errors import EntryError, InputError, KeyFileError
from homeroom.log.entries import Head, make_entry
from tests.log.chains import HERE


def test_a_key_is_made_once_and_found_again(tmp_path):
    path = tmp_path / "data" / "node.key"
    key = open_node_key(path)
    assert open_node_key(path).public_text == key.public_text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_node_key(tmp_path / "other.key").public_text != key.public_text


def test_signatures_are_those_of_the_standard():
    """RFC 8032, section 7.1, test 1 and 2."""
    key = NodeKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a")
    other = NodeKey(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    assert (
        other.sign(b"\x72")
        .hex()
        .endswith("da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
    )


def test_an_entry_is_believed_if_its_own_node_signed_it():
    key, other = NodeKey(bytes(32)), NodeKey(bytes([1]) * 32)
    keys = KnownKeys({"here": key.public_text, "there": other.public_text})
    good = make_entry(HERE, Head(), (5, 0), b"payload", key.sign)
    assert len(good.signature) == 64
    good.check(Head(), keys.verify)
    forged = make_entry(HERE, Head(), (5, 0), b"payload", other.sign)
    with pytest.raises(EntryError, match="not signed by its node"):
        forged.check(Head(), keys.verify)
    with pytest.raises(EntryError, match="not signed by its node"):
        good.check(Head(), KnownKeys({}).verify)


def test_a_signature_of_any_form_is_only_wrong():
    key = NodeKey(bytes(32))
    keys = KnownKeys({"here": key.public_text})
    for signature in (b"", b"short", bytes(64), bytes(200)):
        assert not keys.verify("here", b"digest", signature)


@pytest.mark.parametrize(
    "text", ["", "ed25519:", "ed25519:AAAA", "rsa:" + "A" * 43 + "=", "ed25519:" + "*" * 44]
)
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(InputError, match=r"public key of node 'here'.*must be ed25519:"):
        KnownKeys({"here": text})


def test_a_key_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "node.key"
    open_node_key(path)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="0600"):
        open_node_key(path)


def test_a_damaged_key_says_what_a_new_one_means(tmp_path):
    path = tmp_path / "node.key"
    path.touch(0o600)
    with pytest.raises(KeyFileError, match="new name"):
        open_node_key(path)


def test_a_key_is_not_shown():
    key = NodeKey(bytes(range(32)))
    assert "000102" not in repr(key)
    assert repr(key) == f"NodeKey({key.public_text})"
