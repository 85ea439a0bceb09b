"""The directory of a world: what is in it, whom it trusts, and that what is there is left alone."""

import shutil
import stat
import tomllib
from dataclasses import replace

import pytest

from homeroom.adapters.authorities import Authority, Purpose
from homeroom.adapters.signing import open_node_key
from homeroom.adapters.vault.places import open_vault_key, seal_key_of, vault_key_check
from homeroom.adapters.world_checking import check_world
from homeroom.adapters.world_directory import WorldPlaces, activate, add_node, make_world, renew
from homeroom.adapters.world_file import Stage, read_world
from homeroom.errors import HomeroomError, KeyFileError, SettingsError
from homeroom.regions.world import RegionNode, RegionState
from homeroom.serve.settings import read_settings
from tests.nats_worlds import NOW_MS, planned

PORT = 30_000
DAY_MS = 86_400_000


def plan():
    """Return two regions that run, the first with two nodes, and one that is ready."""
    whole = planned(north=("ada", "bea"), south=("bob",), west=())
    west = replace(whole.regions["west"], state=RegionState.READY)
    return replace(whole, regions={**whole.regions, "west": west})


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "world"
    make_world(path, plan(), PORT, 1, NOW_MS)
    return path


@pytest.fixture
def path(template, tmp_path):
    return shutil.copytree(template, tmp_path / "world")


def wrong(path, now_ms=NOW_MS):
    return {found.place: found.said for found in check_world(path, now_ms) if not found.is_good}


def content_of(path):
    return {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_a_new_world_is_as_it_must_be(path):
    assert wrong(path) == {}
    assert [found.place for found in check_world(path, NOW_MS)] == [
        "regions.toml",
        "tenant's key",
        "vault key of north",
        "vault key of south",
        "north/fabric",
        "north/ada",
        "north/bea",
        "south/fabric",
        "south/bob",
    ]


def test_keys_are_their_owners_alone_and_the_file_names_their_public_halves(path):
    world = read_world(path / "regions.toml", Stage.RUNNING)
    for file in path.rglob("*.key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    for node, said in world.members().items():
        data = path / said.region / node / "data"
        assert open_node_key(data / "node.key").public_text == said.key
    keys = {(p / "pseudonym.key").read_bytes() for p in path.glob("*/*/data")}
    assert len(keys) == 1
    assert len({said.key for said in world.members().values()}) == 3


def vault_keys(path):
    return {p.parent.name: (p / "vault.key").read_bytes() for p in path.glob("*/*/data")}


def test_nodes_of_a_jurisdiction_have_one_vault_key_and_those_of_others_another(path):
    keys = vault_keys(path)
    assert keys["ada"] == keys["bea"] != keys["bob"]
    vaults = read_world(path / "regions.toml", Stage.RUNNING).vaults
    assert vaults == {
        law: vault_key_check(open_vault_key(path / law / node / "data"))
        for law, node in (("north", "ada"), ("south", "bob"))
    }
    digits = {line for text in keys.values() for line in text.splitlines() if line[:1] != b"#"}
    others = [p.read_bytes() for p in path.rglob("*") if p.is_file() and p.name != "vault.key"]
    assert not [one for one in others for key in digits if key in one]


def test_the_key_by_which_others_seal_follows_from_the_vault_key_and_one_that_does_not_is_found(
    path,
):
    regions = path / "regions.toml"
    world = read_world(regions, Stage.RUNNING)
    for law, node in (("north", "ada"), ("south", "bob")):
        key = open_vault_key(path / law / node / "data")
        assert world.seals[law] == seal_key_of(key).public_text
    north, south = world.seals["north"], world.seals["south"]
    regions.write_text(regions.read_text().replace(f'north = "{north}"', f'north = "{south}"'))
    assert "nothing that they seal could be opened" in wrong(path)["vault key of north"]


def test_a_region_of_a_jurisdiction_that_there_is_gets_its_vault_key(tmp_path):
    path, planned_world = tmp_path / "w", plan()
    west = replace(planned_world.regions["west"], jurisdiction="south")
    regions = {**planned_world.regions, "west": west}
    make_world(path, replace(planned_world, regions=regions), PORT, 1, NOW_MS)
    before = read_world(path / "regions.toml", Stage.RUNNING).vaults
    world = activate(path, "west", NOW_MS)
    assert world.vaults == before
    keys = vault_keys(path)
    assert keys["west-1"] == keys["bob"]
    assert wrong(path) == {}


def test_a_vault_key_that_is_named_and_not_there_is_made_by_nobody(path):
    for file in path.glob("north/*/data/vault.key"):
        file.unlink()
    assert "vault.key is missing" in wrong(path)["vault key of north"]
    with pytest.raises(KeyFileError, match="has the vault key that its regions share"):
        activate(path, "west", NOW_MS)
    open_vault_key(path / "north" / "ada" / "data")
    with pytest.raises(KeyFileError, match="is not the one with the check"):
        activate(path, "west", NOW_MS)


def test_nodes_that_had_vault_keys_of_their_own_before_keep_them_and_it_is_told(path):
    said = (path / "regions.toml").read_text()
    (path / "regions.toml").write_text(said[: said.index("[vaults]")])
    (path / "north" / "bea" / "data" / "vault.key").unlink()
    open_vault_key(path / "north" / "bea" / "data")
    before = vault_keys(path)
    assert set(activate(path, "west", NOW_MS).vaults) == {"south", "west"}
    assert {node: vault_keys(path)[node] for node in before} == before
    assert "share no documents" in wrong(path)["vault key of north"]


def test_settings_of_a_node_are_read_by_serve(template):
    text = (template / "north" / "bea" / "node.toml").read_text()
    settings = read_settings(text, "node.toml", {})
    assert settings.node.name == "bea"
    assert settings.server.port == PORT + 4
    assert settings.world.file == str(template / "regions.toml")
    assert tomllib.loads(text)["world"]["certificate"].endswith("north/bea/fabric.crt")


def test_a_place_with_an_odd_name_is_written_so_that_it_is_read(tmp_path):
    path = tmp_path / 'wörld "x" \\ \n'
    make_world(path, planned(north=("ada",)), PORT, 1, NOW_MS)
    text = (path / "north" / "ada" / "node.toml").read_text()
    assert read_settings(text, "node.toml", {}).world.file == str(path / "regions.toml")
    assert wrong(path) == {}


def test_addresses_and_nodes_that_are_planned_are_kept(tmp_path):
    whole = planned(north=("ada",), south=())
    north = replace(
        whole.regions["north"],
        fabric=("tls://127.0.0.1:30010",),
        nodes={"ada": RegionNode(key="", http="https://ada.example.org:443")},
    )
    regions = {**whole.regions, "north": north}
    world = make_world(tmp_path / "w", replace(whole, regions=regions), PORT, 2, NOW_MS)
    assert world.regions["north"].fabric == ("tls://127.0.0.1:30010",)
    assert world.regions["north"].gateways == ("tls://127.0.0.1:30001",)
    assert world.regions["north"].nodes["ada"].http == "https://ada.example.org:443"
    assert list(world.regions["south"].nodes) == ["south-1", "south-2"]
    assert world.regions["south"].fabric == ("tls://127.0.0.1:30020",)


def test_a_world_is_not_made_over_another(path):
    before = content_of(path)
    with pytest.raises(SettingsError, match="is there already"):
        make_world(path, plan(), PORT, 1, NOW_MS)
    assert content_of(path) == before


def test_what_was_interrupted_is_gone_on_with_under_the_same_keys(path):
    (path / "regions.toml").unlink()
    (path / "south" / "fabric" / "server.conf").unlink()
    (path / "south" / "bob" / "fabric.crt").unlink()
    before = content_of(path)
    make_world(path, plan(), PORT, 1, NOW_MS)
    assert wrong(path) == {}
    after = content_of(path)
    changed = {str(p.relative_to(path)) for p in before if after[p] != before[p]}
    assert changed == {"south/bob/fabric.key"}


def test_a_region_that_is_ready_is_added_and_nothing_else_changes(path):
    before = content_of(path)
    world = activate(path, "west", NOW_MS)
    assert list(world.regions["west"].nodes) == ["west-1"]
    assert wrong(path) == {}
    after = content_of(path)
    changed = {str(p.relative_to(path)) for p in before if after[p] != before[p]}
    assert changed == {"regions.toml", "north/fabric/server.conf", "south/fabric/server.conf"}
    ports = [region.fabric[0] for region in world.active().values()]
    assert len(set(ports)) == 3


@pytest.mark.parametrize(
    ("region", "message"), [("east", "there are: north, south, west"), ("north", "nodes already")]
)
def test_only_a_region_that_is_ready_can_be_added(path, region, message):
    before = content_of(path)
    with pytest.raises(SettingsError, match=message):
        activate(path, region, NOW_MS)
    assert content_of(path) == before


@pytest.mark.parametrize("name", ["", "A", "a b", "a.b", "-a", "a]\n[x"])
def test_a_further_node_has_a_name_that_can_be_one(path, name):
    before = content_of(path)
    with pytest.raises(SettingsError, match="small letters, digits and hyphens"):
        add_node(path, "north", name, NOW_MS)
    assert content_of(path) == before


@pytest.mark.parametrize("act", [lambda p: activate(p, "west", NOW_MS), lambda p: renew(p, NOW_MS)])
def test_nothing_is_signed_by_new_authorities_where_the_old_ones_are_kept_elsewhere(path, act):
    shutil.rmtree(path / "authorities")
    before = content_of(path)
    with pytest.raises(KeyFileError, match="restore both"):
        act(path)
    assert content_of(path) == before


def test_certificates_are_made_anew_before_they_end(path):
    late_ms = NOW_MS + 380 * DAY_MS
    assert set(wrong(path, late_ms)) == {
        "north/fabric",
        "north/ada",
        "north/bea",
        "south/fabric",
        "south/bob",
    }
    assert "homeroom world renew" in wrong(path, late_ms)["north/ada"]
    renew(path, late_ms)
    assert wrong(path, late_ms) == {}


@pytest.mark.parametrize(
    ("place", "spoil", "message"),
    [
        ("tenant's key", lambda p: (p / "south/bob/data/pseudonym.key").unlink(), "is missing"),
        (
            "tenant's key",
            lambda p: (p / "south/bob/data/pseudonym.key").write_text("ab" * 32),
            "different tenant keys",
        ),
        ("north/ada", lambda p: (p / "north/ada/data/node.key").chmod(0o644), "chmod 600"),
        ("north/ada", lambda p: (p / "north/ada/data/node.key").unlink(), "is missing"),
        (
            "north/ada",
            lambda p: (p / "north/ada/data/node.key").write_text("ab" * 32),
            "nobody would believe",
        ),
        ("north/ada", lambda p: (p / "north/ada/node.toml").unlink(), "is missing"),
        ("north/ada", lambda p: (p / "north/ada/fabric.key").unlink(), "is missing"),
        ("north/bea", lambda p: (p / "north/bea/fabric.crt").write_text("no"), "cannot be read"),
        ("north/fabric", lambda p: (p / "north/fabric/server.crt").unlink(), "cannot be read"),
        (
            "south/fabric",
            lambda p: (p / "south/fabric/server.conf").write_text("port: maybe"),
            "takes .* not",
        ),
    ],
)
def test_what_is_wrong_is_found_at_its_place_and_not_repaired(path, place, spoil, message):
    spoil(path)
    before = content_of(path)
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(wrong(path)[place])
    assert set(wrong(path)) == {place}
    assert content_of(path) == before


def test_several_tenant_keys_are_not_joined_into_one_world(path):
    (path / "regions.toml").unlink()
    (path / "south/bob/data/pseudonym.key").write_text("ab" * 32)
    with pytest.raises(KeyFileError, match="several tenant keys"):
        make_world(path, plan(), PORT, 1, NOW_MS)


def test_a_key_that_is_planned_must_be_that_of_the_node(tmp_path):
    whole = planned(north=("ada",))
    stranger = RegionNode(key="ed25519:" + "A" * 43 + "=")
    north = replace(whole.regions["north"], nodes={"ada": stranger})
    with pytest.raises(SettingsError, match="has the key ed25519:A"):
        make_world(tmp_path / "w", replace(whole, regions={"north": north}), PORT, 1, NOW_MS)


def test_ports_and_nodes_end(tmp_path):
    with pytest.raises(SettingsError, match="no ports left"):
        make_world(tmp_path / "w", planned(north=("ada",)), 65_530, 1, NOW_MS)
    with pytest.raises(SettingsError, match="must be 1 to 7"):
        make_world(tmp_path / "w", planned(north=()), PORT, 8, NOW_MS)
    with pytest.raises(SettingsError, match="no region can be called authorities"):
        make_world(tmp_path / "w", planned(authorities=("ada",)), PORT, 1, NOW_MS)


def test_an_authority_and_a_key_that_do_not_belong_together_are_refused(path):
    places = WorldPlaces(path)
    servers, nodes = (places.authority(purpose) for purpose in Purpose)
    shutil.copy(nodes.with_suffix(".key"), servers.with_suffix(".key"))
    with pytest.raises(HomeroomError, match="is not the key of"):
        Authority.open(servers)
