"""The file of regions: what is wrong in it is told with its place and what to do."""

from dataclasses import replace

import pytest

from homeroom import limits
from homeroom.adapters.world_file import SHIPPED, Stage, parse_world, read_world, written_world
from homeroom.errors import SettingsError
from homeroom.regions.world import RegionState

ADA, BOB = (f"ed25519:{letter * 43}=" for letter in "AB")
WORLD = f"""
name = "trial"
home = "north"

[regions.north]
latitude = 60
longitude = 10.5
jurisdiction = "no"
fabric = ["tls://127.0.0.1:4222", "tls://[::1]:4222"]
gateways = ["tls://north.example.org:7222"]

[regions.north.nodes.ada]
key = "{ADA}"
http = "https://ada.example.org:443"

[regions.south]
latitude = -34
longitude = 18.4
jurisdiction = "za"
tier = 3
fabric = ["tls://127.0.0.1:4223"]

[regions.south.nodes.bob]
key = "{BOB}"

[regions.west]
latitude = 0
longitude = -150
jurisdiction = "us"
state = "ready"
"""


def parse(text, stage=Stage.RUNNING):
    return parse_world(text, "regions.toml", stage)


def test_a_file_says_who_there_is():
    world = parse(WORLD)
    assert (world.name, world.home, list(world.active())) == ("trial", "north", ["north", "south"])
    assert world.regions["west"].state is RegionState.READY
    assert world.regions["south"].tier == 3
    assert world.members()["ada"].key == ADA
    assert world.regions["north"].nodes["ada"].http == "https://ada.example.org:443"


def test_what_is_written_is_read_as_the_same():
    world = parse(WORLD)
    assert parse(written_world(world)) == world
    (law, *_) = {region.jurisdiction for region in world.regions.values()}
    keyed = replace(world, vaults={law: "0" * 16}, seals={law: f"x25519:{'A' * 43}="})
    assert parse(written_world(keyed)) == keyed


def test_the_shipped_regions_are_eight_and_four_that_are_ready():
    world = read_world(SHIPPED, Stage.PLANNED)
    assert " ".join(world.active()) == (
        "us-east us-central us-west eu-west eu-central singapore sao-paulo lagos"
    )
    assert set(world.regions) - set(world.active()) == {"tokyo", "dubai", "mumbai", "sydney"}


def test_the_shipped_regions_are_those_of_the_simulation():
    from homeroom.simulation.regions.places import WORLD as SIMULATED

    shipped = read_world(SHIPPED, Stage.PLANNED).active()
    assert [(p.name, p.latitude, p.longitude, p.jurisdiction) for p in SIMULATED] == [
        (r.name, r.latitude, r.longitude, r.jurisdiction) for r in shipped.values()
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name = ", "nmae = ", r"regions\.toml: 'nmae' is not known; did you mean name\?"),
        ('home = "north"', 'home = "nroth"', r"home is 'nroth', which is no active region.*north"),
        ('home = "north"', 'home = "west"', "no active region"),
        ('home = "north"\n', "", "home"),
        ("latitude = 60", "latitude = 91", r"region north: .*<= 90.*latitude"),
        ("latitude = 60", "latitude = nan", r"region north: .*latitude"),
        ("longitude = 18.4", 'longitude = "18"', r"region south: .*float.*longitude"),
        ("tier = 3", "teir = 3", r"region south: 'teir' is not known; did you mean tier\?"),
        ("tier = 3", "tier = 4", r"region south: .*<= 3"),
        ('state = "ready"', 'state = "closed"', r"region west: .*closed"),
        ('jurisdiction = "za"', 'jurisdiction = "Z A"', "region south: .*jurisdiction"),
        ("regions.south]", "regions.South]", "named 'South'; a name must be small letters"),
        ("nodes.bob", 'nodes."b.ob"', "node b.ob is named 'b.ob'"),
        ("nodes.bob", "nodes.ada", "node ada stands in regions north and south"),
        (BOB, ADA, "nodes ada and bob have one key"),
        (BOB, "ed25519:AAAA", "public key of node 'bob' is"),
        (f'key = "{BOB}"', 'kay = ""', r"region south, node bob: 'kay' is not known; .*key"),
        (f'key = "{BOB}"', "", "region south, node bob has no `key`"),
        ("tls://127.0.0.1:4223", "nats://127.0.0.1:4223", "must be tls://HOST:PORT"),
        ("tls://127.0.0.1:4223", "tls://me:pass@127.0.0.1:4223", "without a name or a password"),
        ("tls://127.0.0.1:4223", "tls://127.0.0.1", "must be tls://HOST:PORT"),
        ("tls://127.0.0.1:4223", "tls://127.0.0.1:99999", "must be tls://HOST:PORT"),
        ("tls://127.0.0.1:4223", 'tls://a\\": 1', "must be tls://HOST:PORT"),
        ("https://ada.example.org:443", "ftp://ada:1", "must be https://HOST:PORT or http"),
        ('fabric = ["tls://127.0.0.1:4223"]', "", "region south has no `fabric`"),
        ('state = "ready"', "", r"region west is active and has no nodes; add one, or say state"),
        ("regions.south.nodes", "regions.west.nodes", "region west is only ready, and has nodes"),
        ("tier = 3", "tier = ", "is no TOML"),
        ('home = "north"\n', 'home = "north"\nvaults = {eu = "0"}\n', "vaults"),
        (
            'home = "north"\n',
            f'home = "north"\nseals = {{eu = "x25519:{"A" * 43}="}}\n',
            "a key to seal by is named for jurisdiction 'eu' and no vault key",
        ),
        ('home = "north"\n', 'home = "north"\nseals = {eu = "x25519:short"}\n', "seals"),
        (
            'home = "north"\n',
            'home = "north"\nvaults = {xx = "0123456789abcdef"}\n',
            "a vault key is named for jurisdiction 'xx', in which no region is",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old, new, message):
    assert old in WORLD
    with pytest.raises(SettingsError, match=message):
        parse(WORLD.replace(old, new))


def test_a_plan_needs_neither_nodes_nor_keys():
    plan = WORLD.replace(f'key = "{BOB}"', "").replace('state = "ready"', "")
    assert parse(plan, Stage.PLANNED).regions["south"].nodes["bob"].key == ""


def test_too_many_regions_or_nodes_or_bytes_are_refused(tmp_path):
    place = '\nlatitude = 0\nlongitude = 0\njurisdiction = "x"\n'
    many = "".join(f"[regions.r{n}]{place}" for n in range(limits.REGIONS_MAX))
    with pytest.raises(SettingsError, match="65 regions, must be 1 to 64"):
        parse('name = "t"\nhome = "r1"\n' + many + f"[regions.last]{place}", Stage.PLANNED)
    nodes = "".join(f"[regions.r1.nodes.n{n}]\n" for n in range(limits.WORLD_NODES_MAX + 1))
    with pytest.raises(SettingsError, match="65 nodes, at most 64"):
        parse(f'name = "t"\nhome = "r1"\n[regions.r1]{place}{nodes}', Stage.PLANNED)
    long = tmp_path / "regions.toml"
    long.write_text("#" * (limits.REGIONS_FILE_BYTES_MAX + 1))
    with pytest.raises(SettingsError, match="has more than"):
        read_world(long, Stage.PLANNED)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot be read: No such file.*; name a world"):
        read_world(tmp_path / "none.toml", Stage.PLANNED)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        read_world(tmp_path / "binary", Stage.PLANNED)
