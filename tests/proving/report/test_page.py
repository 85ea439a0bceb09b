"""The page: all words of the decision, charts with their numbers, and nothing that leaves it."""

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

import homeroom.proving
from homeroom.proving.hazards import read_setup
from homeroom.proving.projections import Need, project
from homeroom.proving.report import decide, render_page
from homeroom.proving.report.page import Extras
from homeroom.proving.year import cheapest_way, model_year
from tests.proving.report.documents import all_tests, document

HAZARDS = Path(homeroom.proving.__file__).parent / "hazards.toml"


@pytest.fixture(scope="module")
def extras():
    setup = read_setup(tomllib.loads(HAZARDS.read_text("utf-8")), "hazards.toml")
    sizes = (1_000_000, 2_500_000, 5_000_000)
    needs = [
        Need("P99 of a question", "ms", sizes, (9.0, 21.1, 41.3), 100.0),
        Need("memory", "MB", sizes, (500, 1_210, 2_380), 24_000.0),
    ]
    return Extras(
        outcome=model_year(setup, 1, 400),
        way=cheapest_way(setup, 1, 400),
        projections=[project(one, (10_000_000, 50_000_000)) for one in needs],
        commands=["homeroom prove all --report proof"],
    )


def words_of(html):
    """Return the text of a page, and whether its elements are closed in order."""
    parser = _Words()
    parser.feed(html)
    assert parser.open == []
    return " ".join(" ".join(parser.words).split())


class _Words(HTMLParser):
    def __init__(self):
        super().__init__()
        self.words, self.open = [], []

    def handle_starttag(self, tag, _attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def test_the_page_says_what_the_decision_says(extras):
    decision = decide(all_tests())
    said = words_of(render_page(decision, extras))
    for reason in decision.reasons:
        assert reason in said
    for run in decision.runs:
        for row in run.rows:
            assert row.criterion in said
            assert row.measured in said
    assert "Five nines may not be claimed." in said
    assert "What ends first is P99 of a question" in said
    assert "homeroom prove all --report proof" in said


def test_every_series_region_and_fault_is_drawn(extras):
    said = words_of(render_page(decide(all_tests()), extras))
    for label in (
        "P50",
        "memory",
        "P99 under load",
        "lagos 231 ms, too slow",
        "lagos users",
        "served elsewhere (1.90 to 49.00 s)",
    ):
        assert label in said, label


def test_what_failed_is_marked_by_word_and_not_by_colour_alone(extras):
    html = render_page(decide(all_tests()), extras)
    (failed,) = re.findall(r'<tr class="fails">.*?</tr>', html, re.DOTALL)
    assert "lagos" in failed
    assert ">fail<" in failed


def test_nothing_is_loaded_and_nothing_runs(extras):
    html = render_page(decide(all_tests()), extras)
    assert "default-src 'none'" in html
    assert not re.search(r"<script|<link|<img|\ssrc=|url\(http|@import", html)
    assert set(re.findall(r"https?://[^\s\"'<]+", html)) == {"http://www.w3.org/2000/svg"}


def test_a_name_is_no_mark_up():
    hostile = "<script>alert(1)</script>"
    documents = [document(name=hostile, notes=[hostile], machine={"name": hostile})]
    html = render_page(decide(documents), Extras())
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_page_without_anything_is_no_go():
    said = words_of(render_page(decide([]), Extras()))
    assert "No-go" in said
    assert "The test of load has not been run." in said
