"""The pages of a real node with real data, in Chromium: each page's main task, done as a new user would."""

from urllib.parse import parse_qs, urlsplit

import pytest

import homeroom
from homeroom.log.control import DefinitionKind, DefinitionPut, Scope
from homeroom.log.users import UserPut
from homeroom.running.stating import change_directory
from tests.client.served import Served, now_ms
from tests.serve.pages.browsing import HASH, HOSTILE
from tests.serve.pages.chromium import VIEWS, chromium, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]

PHYSICS = "course-v1:FUN-MOOC+00001+session01"
CHEMISTRY = "course-v1:FUN-MOOC+00002+session01"
ATTACK = "<img src=x onerror=alert(1)>"
PAGES = {
    "overview": "/overview",
    "retention": "/retention?interval=day",
    "side-by-side": "/retention?interval=day&beside=interval%3Dday%26mode%3Drecurring",
    "breakdown": "/retention?interval=day&breakdown=course",
    "lifecycle": "/lifecycle?interval=day",
    "stickiness": "/stickiness",
    "funnel": "/funnel?steps=verb%3Dinitialized&steps=verb%3Dplayed&steps=verb%3Dcompleted",
    "paths": "/paths?after=verb%3Dplayed",
    "wrong": "/retention?filters=nonsense",
    "nobody": "/retention?course=none",
}


@pytest.fixture(scope="module")
def node(tmp_path_factory, shared_data):
    """Run a node on real statements, and a few events whose names would like to be programs."""
    place = tmp_path_factory.mktemp("node")
    lines = [
        f'{{"account": "a{n}", "verb": "read", "time": "2021-11-2{n}T10:00:00Z", "course": "{ATTACK}"}}\n'
        for n in range(4, 8)
    ]
    (place / "hostile.ndjson").write_text("".join(lines))
    homeroom.load(place / "data", shared_data("ralph/statements.json.gz"))
    homeroom.load(place / "data", place / "hostile.ndjson")
    users = {
        "ada": {"scopes": (Scope.READ, Scope.LABELS)},
        "eve": {"scopes": (Scope.READ,), "courses": (CHEMISTRY,)},
    }
    facts = [UserPut(name=name, password=HASH, tenant="main", **one) for name, one in users.items()]
    name = HOSTILE.replace("/", "")
    facts.append(
        DefinitionPut(tenant="main", kind=DefinitionKind.COHORT, name=name, written={"did": "any"})
    )
    for fact in facts:
        change_directory(place / "data", fact, now_ms)
    served = Served(place / "data").start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as person:
        yield person


@pytest.fixture
def ada(node, browser):
    browser.look("light")
    browser.sign_in(node.url, "ada")
    return browser


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_is_whole_for_everybody_and_asks_no_other_host(node, ada, view):
    ada.look(view)
    ada.messages(), ada.asked()
    for name, path in PAGES.items():
        ada.get(path)
        assert ada.one("h1").text
        ada.keep(f"{view}-{name}")
        ada.check()
    told = [one for one in ada.messages() if "nonsense" not in one]
    assert not told
    assert all(one.startswith((node.url, "data:")) for one in ada.asked())


@pytest.mark.parametrize("view", VIEWS)
def test_the_door_is_whole_for_everybody(node, browser, view):
    browser.look(view)
    browser.url = node.url
    browser.driver.delete_all_cookies()
    browser.get("/sign-in")
    browser.keep(f"{view}-sign-in")
    browser.check()


def test_a_heat_map_is_read_by_keyboard_and_shows_counts_in_place_of_shares(ada):
    ada.get("/retention?interval=day")
    first = ada.one("td.cell")
    assert first.text.endswith("%")
    ada.driver.execute_script("arguments[0].focus()", first)
    first.send_keys("\ue014")  # right
    said = ada.one(".readout").text
    assert said.startswith("All groups, days since 2: ")
    assert " of " in said
    ada.all("[data-show]")[1].click()
    assert first.text.replace(",", "").isdigit()


def test_a_question_is_asked_with_controls_and_stands_in_the_address(ada):
    from selenium.webdriver.support.select import Select

    ada.get("/retention")
    Select(ada.one("#c-interval")).select_by_value("day")
    Select(ada.one("#c-mode")).select_by_value("recurring")
    ada.one("#c-course").send_keys(PHYSICS)
    ada.one("form.controls button").click()
    asked = parse_qs(urlsplit(ada.driver.current_url).query)
    assert asked == {"interval": ["day"], "mode": ["recurring"], "course": [PHYSICS]}
    assert "Retention by day" in ada.text()
    assert ada.one("#c-course").get_attribute("value") == PHYSICS
    ada.one(".acts a[href*=beside]").click()
    Select(ada.one("#c-mode")).select_by_value("first-time")
    ada.one("form.controls button").click()
    assert len(ada.all("table.triangle")) == 2


def test_the_way_through_a_page_begins_with_a_link_to_its_content_and_focus_is_seen(ada):
    ada.get("/overview")
    ada.one("body").send_keys("\t")
    link = ada.driver.switch_to.active_element
    assert link.get_attribute("class") == "skip"
    link.send_keys("\n")
    assert ada.driver.switch_to.active_element.get_attribute("id") == "main"
    seen = "return getComputedStyle(document.activeElement).outlineStyle"
    for _ in range(4):
        ada.driver.switch_to.active_element.send_keys("\t")
        assert ada.driver.execute_script(seen) == "solid"


def test_light_and_dark_are_kept_from_page_to_page(ada):
    ada.get("/overview")
    paint = "return getComputedStyle(document.body).backgroundColor"
    light = ada.driver.execute_script(paint)
    ada.one("#theme").click()
    dark = ada.driver.execute_script(paint)
    assert dark != light
    ada.get("/lifecycle")
    assert ada.driver.execute_script(paint) == dark
    assert ada.one("#theme").text == "Light"
    ada.one("#theme").click()


def test_names_from_events_and_definitions_are_texts_and_run_nothing(ada):
    for path in ("/overview", "/retention?interval=day&breakdown=course", "/paths?by=course"):
        ada.get(path)
        assert not ada.all("img")
    ada.get("/retention?interval=day&breakdown=course")
    assert ATTACK in ada.one("main").get_attribute("textContent")
    assert HOSTILE.replace("/", "") in ada.one("#c-cohort").get_attribute("textContent")
    assert not [one for one in ada.messages() if "Content Security" in one]


def test_nothing_moves_while_a_page_comes(ada):
    for path in ("/overview", "/retention?interval=day"):
        ada.get(path)
        moved = ada.driver.execute_async_script(
            "const told = arguments[arguments.length - 1];"
            "new PerformanceObserver(list => told(list.getEntries().reduce((n, e) => n + e.value, 0)))"
            ".observe({type: 'layout-shift', buffered: true}); setTimeout(() => told(0), 500)"
        )
        assert moved < 0.01


def test_a_page_from_right_to_left_is_the_mirror_of_itself_and_no_wider(ada):
    ada.get("/retention?interval=day")
    place = "return arguments[0].getBoundingClientRect().left"
    form, brand = ada.one("form.controls"), ada.one(".brand")
    assert ada.driver.execute_script(place, brand) < ada.driver.execute_script(place, form)
    ada.driver.execute_script("document.documentElement.dir = 'rtl'")
    assert ada.driver.execute_script(place, brand) > ada.driver.execute_script(place, form)
    for view in ("light", "narrow"):
        ada.look(view)
        ada.keep(f"{view}-right-to-left")
        ada.check()


def test_without_script_the_forms_work(node, ada):
    ada.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        ada.get("/retention?interval=day")
        ada.one("#c-brackets").send_keys("1, 2-3")
        ada.one("form.controls button").click()
        assert "2–3" in [one.text for one in ada.all("table.triangle th")]
    finally:
        ada.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_who_sees_one_course_run_sees_no_other(node, browser):
    browser.look("light")
    browser.sign_in(node.url, "eve")
    pages = [*PAGES.values(), f"/retention?course={PHYSICS}", "/paths?by=course"]
    for path in pages:
        browser.get(path)
        page = browser.driver.page_source.replace(f'value="{PHYSICS}"', "")
        if PHYSICS not in path:
            assert "00001" not in page, path
        assert ATTACK not in browser.one("main").get_attribute("textContent")
    browser.get("/retention?interval=day&breakdown=course")
    assert "00002" in browser.text()


def test_signing_out_leads_to_the_door_and_going_back_shows_nothing(node, browser):
    browser.look("light")
    browser.sign_in(node.url, "ada")
    browser.get("/overview")
    browser.one(".self form button").click()
    assert browser.one("h1").text == "Sign in"
    browser.driver.back()
    assert browser.one("h1").text == "Sign in"
