"""The year of a setup in a file, and how it is told."""

import pytest

from homeroom.errors import ProvingError
from homeroom.provers.years import SHIPPED, read_setup_file, year_document, year_lines
from homeroom.proving.year import cheapest_way, model_year


@pytest.fixture(scope="module")
def shipped():
    return read_setup_file(SHIPPED)


def test_the_shipped_world_is_told_with_the_way_to_five_nines(shipped):
    outcome, way = model_year(shipped, 1, 400), cheapest_way(shipped, 1, 400)
    text = "\n".join(year_lines(outcome, way))
    assert "five nines may not be claimed; with these changes" in text
    assert "  staged-releases: Releases go to one region first" in text
    assert " s  release\n" in text
    document = year_document(outcome, way)
    assert document["year"]["is_five_nines"] is False
    assert document["cheapest_way"]["outcome"]["is_five_nines"] is True
    assert sum(document["year"]["by_cause_s"].values()) == pytest.approx(document["year"]["lost_s"])


def test_where_no_change_does_that_is_told(shipped):
    outcome = model_year(shipped, 1, 200)
    assert "not even all changes" in year_lines(outcome, None)[-1]
    assert year_document(outcome, None)["cheapest_way"] is None


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"\xff", "cannot be read"), (b"day = [", "cannot be read"),
     (b"day = []", "mine.toml: "), (b"#" * 2_000_000, "name a setup")],
)  # fmt: skip
def test_what_is_no_setup_is_refused(content, said, tmp_path):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProvingError, match=said):
        read_setup_file(path)
