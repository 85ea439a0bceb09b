"""Plans are found where they are shipped, and read from files of one's own."""

import pytest

from homeroom import limits
from homeroom.errors import ProvingError
from homeroom.provers.plan_files import SHIPPED, read_plan, shipped_plans


def test_the_plans_of_a_test_come_in_their_order():
    loads = ["load-1", "load-2", "load-3"]
    assert [one.name for one in shipped_plans("load")] == loads
    assert [one.name for one in shipped_plans("all")] == [*loads, "geography", "resilience"]


def test_what_is_no_plan_is_told_by_its_path(tmp_path):
    own = tmp_path / "own.toml"
    with pytest.raises(ProvingError, match=r"own\.toml cannot be read: No such file"):
        read_plan(own)
    own.write_bytes(b"\xff\xfe")
    with pytest.raises(ProvingError, match="it is not UTF-8"):
        read_plan(own)
    own.write_text("#" * (limits.PROVING_PLAN_BYTES_MAX + 1))
    with pytest.raises(ProvingError, match="name a plan"):
        read_plan(own)
    own.write_text((SHIPPED / "load-1.toml").read_text())
    assert read_plan(own).name == "load-1"
