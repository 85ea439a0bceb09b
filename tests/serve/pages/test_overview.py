"""The overview: whole weeks beside those before, what became other and why; nobody sees more than they may."""

import re

from homeroom import limits
from homeroom.log.control import DefinitionDeleted, DefinitionKind, DefinitionPut
from homeroom.serve.access import Caller
from homeroom.serve.pages.first_told import FirstTold, Told
from tests.serve.clients import EVENT
from tests.serve.pages.browsing import signed_in, text_of, weeks


def figures(answer):
    """Return the figures of the page by name."""
    found = re.findall(r'<dt>(.*?)</dt><dd class="value">(.*?)</dd>', answer.text)
    return dict(found)


def test_a_node_without_events_says_how_they_come(client):
    said = text_of(signed_in(client).get("/overview"))
    assert "There are no events yet" in said
    assert "homeroom send" in said


def test_figures_are_of_the_newest_whole_week_beside_the_one_before(client):
    client.send(*weeks(4, 6))
    page = signed_in(client).get("/overview")
    # Weeks of 2026-08-31 to 10-05; the last has not ended.
    assert figures(page)["Active"] == "4"
    assert figures(page)["New"] == "0"
    assert figures(page)["Returning"] == "4"
    said = text_of(page)
    assert "as many as the week before" in said
    assert "1 (100.0%) fewer than the week before" in said
    assert "Known up to" in said


def test_a_week_that_is_other_than_it_was_first_shown_is_told_with_the_reason(client):
    client.send(*weeks(3, 6))
    browser = signed_in(client)
    assert "It was first shown" not in text_of(browser.get("/overview"))
    late = {**EVENT, "account": "late", "time": "2026-09-29T10:00:00Z"}
    client.send(late)
    said = text_of(browser.get("/overview"))
    assert "has 4 active learners now; it had 3." in said
    assert "Since then events came late" in said


def test_definitions_of_the_last_week_are_told_to_those_who_may_see_them(client):
    client.send(*weeks())
    kind = DefinitionKind.COHORT
    for written in ({"did": "any"}, {"did": "verb=read"}):
        put = DefinitionPut(tenant="main", kind=kind, name="early", written=written)
        client.run(client.node.change(put, "someone"))
    browser = signed_in(client)
    limited = signed_in(client, "limited", courses=("physics",))
    said = text_of(browser.get("/overview"))
    assert "The cohort early is defined otherwise." in said
    assert "Version 2, by someone" in said
    assert "early" not in text_of(limited.get("/overview"))
    client.run(client.node.change(DefinitionDeleted(tenant="main", kind=kind, name="early"), "x"))
    assert "The cohort early is not defined any more." in text_of(browser.get("/overview"))
    client.now_ms += 8 * 86_400_000
    assert "early" not in text_of(signed_in(client).get("/overview"))


def test_who_sees_one_course_run_sees_figures_of_that_one(client):
    client.send(*weeks(4, 6), *weeks(1, 6, course="chemistry"))
    page = signed_in(client, courses=("chemistry",)).get("/overview")
    assert figures(page)["Active"] == "1"
    assert "physics" not in page.text


def test_who_sees_only_large_numbers_sees_these_in_steps_and_no_picture(client):
    client.send(*[{**EVENT, "account": f"a {n}", "verb": "played"} for n in range(37)])
    page = signed_in(client, scopes=("aggregate",)).get("/overview")
    assert page.status_code == 200
    assert "hr-chart" not in page.text
    assert "37" not in text_of(page)
    assert "in whole steps" in text_of(page)
    assert "What changed" not in text_of(page)


def test_a_tenant_sees_nothing_of_another(client):
    client.send(*weeks(4, 6))
    browser = signed_in(client, tenant="other")
    assert "There are no events yet" in text_of(browser.get("/overview"))


def test_the_age_of_the_newest_event_is_told(client):
    client.send(*weeks(1, 2))
    client.now_ms += 3 * 60_000
    assert "newest event taken 3 minutes ago" in text_of(signed_in(client).get("/overview"))


def test_what_was_first_told_is_kept_for_those_who_see_the_same_and_within_a_bound(monkeypatch):
    monkeypatch.setattr(limits, "FIRST_TOLD_MAX", 2)
    told, ada = FirstTold(), Caller(name="a", tenant="main", owner="a", scopes=frozenset())
    eve = Caller(name="e", tenant="main", owner="e", scopes=frozenset(), courses=("physics",))
    assert told.of(ada, "active", "w1", Told(1, 0)) == Told(1, 0)
    assert told.of(ada, "active", "w1", Told(2, 5)) == Told(1, 0)
    assert told.of(eve, "active", "w1", Told(2, 5)) == Told(2, 5)
    assert told.of(ada, "active", "w2", Told(3, 6)) == Told(3, 6)
    assert told.of(ada, "active", "w1", Told(4, 7)) == Told(4, 7)
