"""Questions as pages: what is asked stands in the address, what is shown is the answer, and a scope limits both."""

import csv
import io
import re

import pyarrow.parquet as pq
import pytest

from homeroom.log.control import DefinitionKind, DefinitionPut
from tests.serve.pages.browsing import HOSTILE, signed_in, text_of, weeks
from tests.serve.test_report import Page


@pytest.fixture(scope="module")
def shared(shared_client):
    shared_client.send(*weeks(4, 5), *weeks(2, 3, course="chemistry"))
    put = DefinitionPut(
        tenant="main", kind=DefinitionKind.COHORT, name="early", written={"did": "course=physics"}
    )
    shared_client.run(shared_client.node.change(put, "test"))
    return shared_client


@pytest.fixture(scope="module")
def browser(shared):
    return signed_in(shared, "reader")


@pytest.fixture(scope="module")
def limited(shared):
    return signed_in(shared, "limited", courses=("chemistry",))


def triangle(answer):
    """Return the labels and sizes of a heat map's rows, and its cells."""
    rows = Page(answer.text).table("triangle")[2:]
    return [(row[0][2], row[1][2], [cell[2] for cell in row[2:]]) for row in rows]


def test_retention_is_a_table_with_heads_and_the_figures_of_the_interface(shared, browser):
    answer = browser.get("/retention?interval=week")
    assert answer.status_code == 200
    told = shared.query(shared.key("read", name="beside"), {"question": "retention"}).json()[
        "answer"
    ]
    rows = triangle(answer)
    assert [row[0] for row in rows[1:]] == told["periods"]
    assert [row[1].rstrip("*") for row in rows[1:]] == [str(n) for n in told["sizes"]]
    heads = Page(answer.text).table("triangle")[1]
    assert all(tag == "th" and given["scope"] == "col" for tag, given, _ in heads)


def test_the_form_holds_what_was_asked_and_leaves_out_what_goes_without_saying(browser):
    page = browser.get(
        "/retention?interval=day&mode=first-time&brackets=1%2C2-7&filters=verb%3Dread&course=physics"
    ).text
    assert '<option value="day" selected>' in page
    assert '<option value="first-time" selected>' in page
    assert 'name="brackets" value="1,2-7"' in page
    assert 'name="course" value="physics"' in page
    toml = re.search(r"<pre><code>(question = .*?)</code>", page, re.DOTALL)[1]
    assert "mode" not in toml
    assert "[&#34;course=physics&#34;, &#34;verb=read&#34;]" in toml
    assert "--filter course=physics --filter verb=read" in page


def test_two_questions_stand_side_by_side_and_each_alone(browser):
    answer = browser.get("/retention?interval=week&beside=interval%3Dmonth%26mode%3Drecurring")
    assert answer.text.count('class="triangle') == 2
    assert "Retention by week" in answer.text
    assert "Retention by month" in answer.text
    assert 'name="beside" value="interval=month&amp;mode=recurring"' in answer.text
    alone = re.findall(r'<a class="button" href="(/retention[^"]*)">Only this one', answer.text)
    assert alone == ["/retention", "/retention?interval=month&amp;mode=recurring"]


@pytest.mark.parametrize("kind", ["retention", "lifecycle", "stickiness", "paths"])
def test_every_kind_has_a_page_with_its_numbers_and_files(browser, kind):
    answer = browser.get(f"/{kind}")
    assert answer.status_code == 200
    assert '<table class="numbers">' in answer.text
    assert f'href="/{kind}.csv"' in answer.text
    file = browser.get(f"/{kind}.csv")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"] == f'attachment; filename="{kind}.csv"'
    rows = list(csv.reader(io.StringIO(file.text)))
    table = pq.read_table(io.BytesIO(browser.get(f"/{kind}.parquet").content))
    assert rows[0] == table.column_names
    assert len(rows) - 1 == len(table) > 0


def test_a_funnel_waits_for_its_steps(browser):
    assert "Write at least two steps" in text_of(browser.get("/funnel"))
    answer = browser.get("/funnel?steps=any%0D%0Averb%3Dread")
    assert "How far learners came" in text_of(answer)


def test_a_question_that_makes_no_sense_says_so_beside_the_form(browser):
    answer = browser.get("/retention?filters=nonsense&from=2026-01-01")
    assert answer.status_code == 400
    assert "This cannot be answered" in text_of(answer)
    assert 'value="2026-01-01"' in answer.text
    assert browser.get("/retention.csv?filters=nonsense").status_code == 400


def test_nobody_is_an_answer_with_words(browser):
    answer = browser.get("/retention?course=astronomy")
    assert answer.status_code == 200
    assert "No learner meets all of this" in text_of(answer)


def test_who_sees_one_course_run_sees_no_other_in_page_file_or_address(limited):
    alone = triangle(limited.get("/retention"))
    assert [row[1].rstrip("*") for row in alone[1:]] == ["1", "1", "0", "0", "0"]
    for path in ("/retention?course=physics", "/retention?filters=course%3Dphysics"):
        assert "No learner meets all of this" in text_of(limited.get(path))
    parts = limited.get("/retention?breakdown=course")
    assert "physics" not in parts.text
    assert "physics" not in limited.get("/retention.csv?breakdown=course").text
    assert "physics" not in limited.get("/paths?by=course").text
    assert (
        "early"
        not in re.search(r"<form class=.*?</form>", limited.get("/retention").text, re.DOTALL)[0]
    )


def test_who_sees_only_large_numbers_has_no_such_page_and_is_told_so(shared):
    browser = signed_in(shared, "coarse", ("aggregate",))
    for path in ("/retention", "/retention.csv", "/paths"):
        answer = browser.get(path)
        assert answer.status_code == 403
        assert 'class="triangle' not in answer.text
    assert 'href="/retention"' not in browser.get("/overview").text


def test_what_an_address_holds_is_shown_as_text(browser):
    answer = browser.get("/retention?" + "&".join(
        f"{name}={HOSTILE}".replace("&", "%26")
        for name in ("course", "filters", "cohort", "brackets", "breakdown", "from", "interval", "beside")
    ))  # fmt: skip
    assert "<script>alert" not in answer.text
    assert not re.search(r'="[^"]*"\'', answer.text.replace("&#34;", ""))


def test_titles_and_names_from_events_and_definitions_are_shown_as_text(client):
    named = HOSTILE.replace("/", "")
    client.send(*weeks(2, 3, course=HOSTILE))
    put = DefinitionPut(
        tenant="main", kind=DefinitionKind.COHORT, name=named, written={"did": "any"}
    )
    client.run(client.node.change(put, "test"))
    browser = signed_in(client, scopes=("read", "labels"))
    for path in ("/overview", "/retention?breakdown=course", "/paths?by=course"):
        page = browser.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in browser.get("/retention?breakdown=course").text
    assert "&lt;script&gt;alert(1)" in browser.get("/retention").text  # among the cohorts


def test_a_page_says_when_its_answer_is_not_whole_or_old(browser, monkeypatch):
    from dataclasses import replace

    from homeroom.serve.pages import drawing

    real = drawing.told

    async def told(*given):
        live = await real(*given)
        lags = {"lagos": 120.0, "tokyo": None, "here": 0.0}
        return replace(live, is_complete=False, is_stale=True, freshness=lags)

    monkeypatch.setattr(drawing, "told", told)
    said = text_of(browser.get("/lifecycle"))
    assert "More has come since" in said
    assert "Not everything is in these numbers yet" in said
    assert "What lagos sent in the last 2 minutes" in said
    assert "Nothing was heard of tokyo" in said


def test_an_address_that_is_too_long_is_refused(browser):
    assert browser.get("/retention?filters=" + "x" * 9_000).status_code == 413
