"""The catalogue of faults is whole, and one that says what cannot be is refused."""

import re

import pytest

from homeroom.errors import ProvingError
from homeroom.provers.years import SHIPPED, read_setup_file
from homeroom.proving.criteria import MEASURES
from homeroom.proving.faults import Promise, Where, catalogue, chosen_faults, read_faults
from homeroom.simulation.journeys.plan import Kind as RequestKind
from homeroom.simulation.regions.plan import Kind as WriterKind

ONE = {
    "name": "one",
    "about": "something",
    "does": "kill",
    "at": "node",
    "seconds": 3,
    "runs": ["processes"],
    "holds": ["answered"],
}


def test_the_shipped_faults_name_what_there_is():
    setup = read_setup_file(SHIPPED)
    hazards = {one.name for one in setup.hazards}
    kinds = {"requests": set(RequestKind), "writers": set(WriterKind)}
    for one in catalogue().values():
        assert one.gives == "" or one.gives in MEASURES, one.name
        assert set(one.hazards) <= hazards, one.name
        for world in one.simulated:
            assert world.kind in kinds[world.world], (one.name, world.kind)
    given = {one.gives for one in catalogue().values() if one.is_real}
    assert given >= {"failover_s", "recovery_s", "cache_errors", "conflicts_unsettled"}


def test_what_no_process_can_have_is_said_to_be_simulated_alone():
    for name in ("slow-disk", "lost-sync", "clock"):
        assert catalogue()[name].runs == (Where.SIMULATION,)
        assert not catalogue()[name].is_real
    assert Promise.REFUSED in catalogue()["bad-configuration"].holds


def test_the_page_of_plans_has_every_fault_and_where_it_is_tried(root):
    page = (root / "docs/reference/proving-plans.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    for one in catalogue().values():
        tried = [row[2].strip() for row in rows if f"`{one.name}`" in row[0]]
        assert tried == [", ".join(one.runs)], one.name


def test_faults_are_chosen_in_the_order_in_which_they_are_named():
    assert [one.name for one in chosen_faults(["caches", "region"])] == ["caches", "region"]


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([{**ONE, "does": "sing"}], "Invalid enum value 'sing'"),
        ([{**ONE, "seconds": 0}], "seconds"),
        ([{**ONE, "color": "red"}], "unknown field `color`"),
        ([ONE, ONE], "the fault one stands there twice"),
        ([{**ONE, "holds": []}], "nothing must hold of the fault one"),
        ([{**ONE, "runs": ["simulation"]}], "if and only if `simulated`"),
        (
            [{**ONE, "simulated": [{"world": "writers", "kind": "kill"}]}],
            "if and only if `simulated`",
        ),
        ([{**ONE, "does": "together"}], "must name faults of the catalogue"),
        ([{**ONE, "does": "together", "together": ["two"]}], "must name faults"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(faults, said):
    with pytest.raises(ProvingError, match=re.escape(said)):
        read_faults({"faults": faults}, "own.toml")
