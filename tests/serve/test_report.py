"""The report: one page that loads nothing, whose tables hold the answers, whatever the names in them."""

import base64
import csv
import hashlib
import io
import re
import urllib.parse
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from homeroom import limits
from homeroom.cohorts.answers import Source
from homeroom.cohorts.charts import words
from homeroom.cohorts.questions import Retention
from homeroom.events.model import Reason
from homeroom.serve.looks.download import csv_link, csv_text
from homeroom.serve.report import Section, render_report
from homeroom.serve.report.figures import headlines
from homeroom.serve.report.reasons import explain
from tests import answers_builder as build

HOSTILE = "<script>alert(1)</script>\"'&\x00\ud800\u202e"
VOID = {"meta", "rect", "path", "circle", "br", "img", "link", "input"}


class Page(HTMLParser):
    """The tags of a page with their attributes, its tables by class, and whether its tags are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: list[tuple[str, list[list[tuple[str, dict[str, str], str]]]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append((given.get("class", ""), []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][1][-1].append((tag, given, ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th", "span") and "tr" in self.open:
            tag, given, text = self.tables[-1][1][-1][-1]
            self.tables[-1][1][-1][-1] = (tag, given, text + data)

    def table(self, style: str) -> list[list[tuple[str, dict[str, str], str]]]:
        return next(rows for name, rows in self.tables if style in name.split())


def report(rows: int = 8, source: Source = build.SOURCE) -> str:
    sections = [Section(a, f"homeroom query {a.question.name} log.gz") for a in build.answers(rows)]
    return render_report(sections, source=source, title="Physics 101")


def test_the_page_asks_no_other_host_for_anything() -> None:
    html = report()

    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg|http-equiv", "", html)
    for tag, given in Page(html).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert "src" not in given
        assert "style" not in given
        assert not any(name.startswith("on") for name in given)
        assert given.get("href", "#").startswith(("data:text/csv", "#"))
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_the_policy_allows_just_the_pages_own_style_and_script() -> None:
    html = report()
    policy = next(g["content"] for t, g in Page(html).tags if g.get("http-equiv"))

    assert "default-src 'none'" in policy
    for kind in ("style", "script"):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_ids_are_unique_and_what_is_referred_to_exists() -> None:
    tags = Page(report()).tags
    ids = [given["id"] for _, given in tags if "id" in given]

    assert len(ids) == len(set(ids))
    for _, given in tags:
        for name in given.get("aria-labelledby", "").split():
            assert name in ids


def test_the_heat_map_is_a_table_with_heads_for_rows_and_columns() -> None:
    answer = build.retention(8)
    rows = Page(report()).table("triangle")
    heads = rows[1]

    assert [text for _, _, text in heads] == ["Week", "Learners", *map(str, range(1, 8))]
    assert all(tag == "th" and given["scope"] == "col" for tag, given, _ in heads)
    assert rows[0][2][1] == {"scope": "colgroup", "colspan": "7"}
    for row in rows[2:]:
        assert (row[0][0], row[0][1]["scope"]) == ("th", "row")
        assert all(tag == "td" for tag, _, _ in row[1:])
    assert [row[0][2] for row in rows[2:]] == ["All groups", *answer.periods]


def test_the_table_shows_the_counts_and_shares_of_the_answer() -> None:
    answer = build.retention(8)
    low, high = answer.confidence()
    for p, row in enumerate(Page(report()).table("triangle")[3:]):
        assert row[1][2] == words.size(answer, p)
        assert len(row) == 2 + 7 - p
        for k, (_, given, text) in enumerate(row[2:], 1):
            star = "" if answer.complete[p, k] else "*"
            assert given["data-n"] == f"{answer.counts[p, k]:,}{star}"
            assert text == words.share(float(answer.rates[p, k]), 0) + star
            assert ("open" in given["class"].split()) == bool(star)
            assert f"{100 * low[p, k]:.1f}–{100 * high[p, k]:.1f}%" in given["title"]


def test_every_answer_has_its_numbers_its_command_and_its_csv() -> None:
    html = report()
    answers = build.answers(8)

    for answer in answers:
        assert f"homeroom query {answer.question.name} log.gz" in html
    links = [given["href"] for tag, given in Page(html).tags if tag == "a"]
    assert [link for link in links if link[0] != "#"] == [csv_link(answer) for answer in answers]
    assert html.count("<summary>Numbers</summary>") == len(answers)
    shown = [row for style, rows in Page(html).tables if style == "numbers" for row in rows]
    for i, stage in enumerate(("new", "returning", "resurrecting", "dormant")):
        first = next(row for row in shown if len(row) == 5 and row[0][2] == "2024-01-08")
        assert first[1 + i][2] == f"{getattr(answers[1], stage)[1]:,}"


def test_charts_are_drawn_for_three_widths_of_a_page() -> None:
    tags = Page(report()).tags
    kinds = [
        given["class"] for tag, given in tags if tag == "div" and "chart " in given.get("class", "")
    ]

    assert kinds == ["chart narrow", "chart middle", "chart wide"] * 3


def test_what_was_read_and_rejected_is_said_with_reasons() -> None:
    html = report()
    rows = Page(html).table("reasons")[1:]

    assert [row[1][2] for row in rows] == ["1,900", "431", "25"]
    for (name, meaning), row in zip(
        map(explain, build.SOURCE.rejected_by_reason), rows, strict=True
    ):
        assert row[0][2] == name + meaning
    for figure in ("1,234,567", "1,201,004", "31,207", "2,356", "rejects.ndjson", "3 events have"):
        assert figure in html


def test_repeats_that_were_not_counted_are_said() -> None:
    source = replace(build.SOURCE, events_duplicate=None, rejected_by_reason={}, events_rejected=0)
    html = report(source=source)

    assert "Exact repeats were not counted" in html
    assert "Nothing was rejected." in html


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_explained(reason: Reason) -> None:
    name, meaning = explain(reason.value)

    assert name
    assert meaning.endswith(".")


def test_a_reason_from_a_newer_version_is_shown_by_its_name() -> None:
    assert explain("solar_flare") == ("Solar flare", "")


def test_headlines_use_the_last_whole_period() -> None:
    answers = build.answers(8)
    shown = {figure.name: figure for figure in headlines(answers, build.SOURCE)}

    assert shown["Learners"].value == "48,211"
    active = answers[3]
    assert shown["Active in the last whole week"].value == words.count(int(active.week.values[-2]))
    assert shown["Active in the last whole week"].note == f"week of {active.week.periods[-2]}"
    retention = answers[0]
    returned, learners = int(retention.counts[:6, 1].sum()), int(retention.sizes[:6].sum())
    assert shown["Week 1 retention"].value == words.share(returned / learners)


def test_hostile_names_stay_text() -> None:
    question = Retention(breakdown="course")
    answer = build.retention(
        4,
        question=question,
        notes=(HOSTILE,),
        parts=((HOSTILE.replace("\ud800", ""), build.retention(3)),),
    )
    source = replace(build.SOURCE, rejects_file=HOSTILE, notes=(HOSTILE,))
    html = render_report([Section(answer, HOSTILE)], source=source, title=HOSTILE)

    assert [tag for tag, _ in Page(html).tags].count("script") == 1
    assert "alert(1)</script>" not in html
    assert not set(html) & {"\x00", "\ud800", "\u202e"}
    html.encode()


def test_csv_holds_the_answer_and_no_formula() -> None:
    question = Retention(breakdown="course")
    answer = build.retention(
        4,
        question=question,
        parts=(("=1+1", build.retention(3)), ("plain, with comma", build.retention(2))),
    )
    rows = list(csv.DictReader(io.StringIO(csv_text(answer))))

    assert rows[0]["course"] == "'=1+1"
    assert rows[-1]["course"] == "plain, with comma"
    part = build.retention(3)
    assert [int(row["count"]) for row in rows[:6]] == [
        int(c) for c in part.counts[part.counts >= 0]
    ]
    assert urllib.parse.unquote(csv_link(answer).partition(",")[2]) == csv_text(answer)


def test_a_large_triangle_is_drawn_and_its_table_is_cut_in_words() -> None:
    rows = limits.REPORT_TRIANGLE_PERIODS_MAX + 20
    html = render_report([Section(build.retention(rows))], source=build.SOURCE)

    assert "The newest 60 of 80 groups and the first 60 of 79 columns stand in the table." in html
    assert html.count('class="chart ') == 3
    assert len(Page(html).table("triangle")) == 2 + 1 + 60


@pytest.mark.slow
def test_a_csv_too_large_for_a_page_names_the_command() -> None:
    html = render_report([Section(build.retention(230))], source=build.SOURCE)

    assert "data:text/csv" not in html
    assert "--csv FILE" in html


def test_a_weekly_page_of_thirty_groups_is_small() -> None:
    assert len(report(30).encode()) < 300_000


@pytest.mark.parametrize("rows", [1, 2])
def test_a_page_of_one_or_two_periods_is_whole(rows: int) -> None:
    assert Page(report(rows)).tables


def test_a_page_without_events_is_whole() -> None:
    empty = np.zeros((0, 0), np.int64)
    answer = build.retention(
        1, periods=(), columns=(), counts=empty, complete=empty.astype(bool), as_of=None
    )
    html = render_report([Section(answer)], source=Source())

    assert "No learners in this range." in html
    assert Page(html).tags


def test_a_page_without_answers_says_what_was_read() -> None:
    assert "1,234,567 events" in render_report([], source=build.SOURCE)


def test_contents_lead_to_every_section_and_what_stands_out_is_said() -> None:
    answer = build.lifecycle(rows=6, new=np.array([100, 100, 100, 100, 200, 0]))
    html = render_report([Section(answer), Section(build.retention())], build.SOURCE)

    for anchor in ("source", "lifecycle-1", "retention-2"):
        assert f'<li><a href="#{anchor}">' in html
    assert "200 new learners in the week of 2024-01-29" in html
    assert "The newest whole week lies outside of the 4 before it" in html


def test_a_page_on_which_nothing_stands_out_says_so() -> None:
    html = render_report([Section(build.active(days=1))], Source())

    assert "Nothing: the newest whole periods lie within what was usual before" in html


def test_a_list_has_no_chart_and_stands_open() -> None:
    from homeroom.cohorts.answers import MembersAnswer
    from homeroom.cohorts.questions import parse_question

    rule = {"did": "any"}
    answer = MembersAnswer(
        question=parse_question({"question": "members", "cohort": rule}), periods=(), as_of=None,
        timezone="UTC", answered_from="columns", definition="", size=1, learners=2, members=("0" * 32,),
    )  # fmt: skip
    html = render_report([Section(answer)], Source())

    assert "<details open>" in html
    assert "0" * 32 in html
    assert 'class="chart' not in html
