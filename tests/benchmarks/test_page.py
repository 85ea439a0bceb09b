"""No benchmark rots: each runs, its answers are those of the peers and of last year, and its figures reach the page."""

import re

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.page import PAGE, README, SUMMED_UP, filled
from tests.benchmarks.tiny import SIZES, result_of

pytest.importorskip("duckdb", reason="needs the peers: requirements/benchmarks.txt")
pytest.importorskip("polars", reason="needs the peers: requirements/benchmarks.txt")

HASHES = {
    "triangle": "3e978fa1d52cd306",
    "recurring": "38528403ac76af51",
    "fold": "27f3e0e94a1a617c",
    "scaling": "8d620b4390fb8aab",
}
"""What the arrays of `benchmarks.learners` must give, on every machine."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_a_benchmark_runs_and_its_figures_reach_the_page(name):
    result = result_of(name)
    assert result["machine"]["processors"] >= 1
    page = filled(
        f"before\n<!-- figures: {name} -->\nfigures of last year\n<!-- end -->\nafter\n",
        {name: result},
    )
    assert "last year" not in page
    assert page.startswith("before\n")
    assert page.endswith("\n<!-- end -->\nafter\n")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) > 2
    assert len({row.count("|") for row in rows}) == 1, (
        "a row has more or fewer cells than the header"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", HASHES)
def test_the_result_is_the_one_it_always_was(name):
    assert result_of(name)["hash"] == HASHES[name]


def test_the_page_has_a_place_for_each_benchmark():
    places = re.findall(r"<!-- figures: (\w+) -->", PAGE.read_text(encoding="utf-8"))
    assert sorted(places) == sorted([*NAMES, "goals", "world_goals"])


@pytest.mark.slow
def test_the_readme_sums_them_up():
    assert "<!-- figures: summary -->" in README.read_text(encoding="utf-8")
    page = filled(
        "<!-- figures: summary -->\nold\n<!-- end -->\n", {n: result_of(n) for n in SUMMED_UP}
    )
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    assert {row.count("|") for row in rows} == {5}
    page = filled(
        "<!-- figures: goals -->\nold\n<!-- end -->\n", {n: result_of(n) for n in SUMMED_UP}
    )
    assert len([line for line in page.splitlines() if line.startswith("|")]) > 20


def test_benchmarks_without_results_keep_their_figures():
    page = "<!-- figures: fold -->\nfigures of last year\n<!-- end -->\n"
    assert filled(page, {}) == page
