"""The world as its operators wrote it down."""

from homeroom.regions.world import Region, RegionNode, RegionState, World


def region(name, latitude, longitude, *nodes):
    return Region(
        name=name,
        latitude=latitude,
        longitude=longitude,
        jurisdiction=name[:2],
        state=RegionState.ACTIVE if nodes else RegionState.READY,
        nodes={node: RegionNode(key=f"ed25519:{node}") for node in nodes},
    )


WORLD = World(
    name="trial",
    home="eu-west",
    regions={
        "eu-west": region("eu-west", 53.3, -6.3, "dublin", "cork"),
        "lagos": region("lagos", 6.5, 3.4, "ikeja"),
        "tokyo": region("tokyo", 35.7, 139.7),
    },
)


def test_members_are_the_nodes_of_all_regions():
    members = WORLD.members()
    assert sorted(members) == ["cork", "dublin", "ikeja"]
    assert members["ikeja"].region == "lagos"
    assert members["ikeja"].jurisdiction == "la"
    assert members["ikeja"].key == "ed25519:ikeja"


def test_a_region_that_is_only_ready_is_not_active():
    assert list(WORLD.active()) == ["eu-west", "lagos"]


def test_the_region_of_a_node_is_found():
    assert WORLD.region_of("cork").name == "eu-west"
    assert WORLD.region_of("osaka") is None


def test_distances_are_those_of_the_globe():
    lagos, tokyo = WORLD.regions["lagos"], WORLD.regions["tokyo"]
    assert abs(lagos.km_to(tokyo) - 13_480) < 100
    assert lagos.km_to(lagos) == 0


def test_one_node_states_facts_the_first_of_the_home_region():
    assert WORLD.home_node == "cork"
