"""The page as Markdown: the same words, and cells that stay cells."""

from homeroom.proving.report import decide, render_markdown
from homeroom.proving.report.page import Extras
from tests.proving.report.documents import all_tests, document


def test_it_has_a_row_a_criterion_and_the_reasons():
    decision = decide(all_tests())
    text = render_markdown(decision, Extras(commands=["homeroom prove all"]))
    assert text.startswith("# No-go\n")
    assert "- Geography: world: P99 of the time until an answer is there" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    at_places = 2 + 7
    assert len(rows) == sum(len(run.rows) + 2 for run in decision.runs) + at_places
    assert "| lagos users | lagos | 200 ms | 231 ms from lagos |  |  |" in rows
    assert all(row.count(" | ") == 5 for row in rows)
    assert "    homeroom prove all\n" in text


def test_a_bar_in_a_name_ends_no_cell():
    documents = [document(name="a|b\n# c <b> [x](y)")]
    text = render_markdown(decide(documents), Extras())
    assert "## Load: a\\|b # c \\<b> \\[x](y)" in text
