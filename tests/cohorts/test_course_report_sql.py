"""A report and DuckDB agree on hundreds of learners, where the plain twin would take too long.

The made-up events of the benchmark fill several segments; the second opinion is SQL, which joins sets and counts
seconds in its own way and shares neither code nor habit with the engine.
"""

import duckdb
import pytest

from benchmarks.course_events import COURSE, make_directory
from benchmarks.course_sql import PARTS, asked, of_report
from homeroom.analyzer import open_directory
from homeroom.state import state as folding


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[dict, dict]:
    """Return the figures of our report and those of SQL, over one directory of three segments."""
    place = tmp_path_factory.mktemp("made") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding.limits, "SEGMENT_EVENTS_MAX", 15_000)
        patch.setattr("benchmarks.course_events.BATCH", 8_000)
        patch.setattr(folding.limits, "FOLD_EVENTS", 8_000)
        make_directory(place, 30_000, 400)
    data = open_directory(place)
    assert len(data._node.state.segments) >= 2
    ours = of_report(data.report(course=COURSE).runs[0])
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            f"create view events as select * replace (time::timestamp as time) "
            f"from read_parquet('{place}/history/*.parquet') where course = '{COURSE}'"
        )
        return ours, asked(connection.execute)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_what_sql_says(part, both):
    ours, theirs = both
    assert len(ours[part]) > 5
    assert ours[part] == theirs[part]
