"""Signing in and out: who may, how often one may try, and that no other page can do either."""

import json

import pytest

from homeroom import limits
from homeroom.adapters.audit import verify_audit
from homeroom.log.users import UserRemoved
from homeroom.serve.settings import PagesSettings, Settings
from tests.serve.clients import EVENT
from tests.serve.pages.browsing import HOSTILE, WORDS, Browser, signed_in, text_of, user


def audited(client):
    assert verify_audit(client.audit.path).records
    lines = client.audit.path.read_text().splitlines()
    return [(one["tenant"], one["who"], one["what"]) for one in map(json.loads, lines)]


def test_who_is_not_signed_in_is_sent_to_the_door_and_then_to_where_they_wanted(client):
    user(client)
    browser = Browser(client)
    answer = browser.get("/retention?interval=day&filters=a%3Db")
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert where.startswith("/sign-in?next=%2Fretention")
    browser.get(where)
    assert 'value="/retention?interval=day&amp;filters=a%3Db"' in browser.last.text
    fields = {"token": browser.token(), "name": "ada", "password": WORDS}
    fields["next"] = "/retention?interval=day&filters=a%3Db"
    answer = browser.post("/sign-in", fields)
    assert (answer.status_code, answer.headers["location"]) == (303, fields["next"])


def test_a_session_is_a_cookie_that_no_script_reads_and_that_is_not_in_the_page(client):
    user(client)
    browser = Browser(client)
    line = browser.sign_in().headers["set-cookie"]
    assert line.startswith("homeroom=")
    for word in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in line.split("; ")
    assert "Secure" not in line
    assert browser.cookies["homeroom"] not in browser.get("/overview").text


def test_behind_tls_the_cookies_go_over_tls_alone(make_client):
    client = make_client(Settings(pages=PagesSettings(address="https://node")))
    user(client)
    browser = Browser(client)
    lines = [browser.get("/sign-in").headers["set-cookie"]]
    lines.append(browser.sign_in().headers["set-cookie"])
    assert all("; Secure" in line for line in lines)
    assert lines[1].startswith("__Host-homeroom=")
    assert browser.get("/overview").status_code == 200


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong words"), ("eve", WORDS), ("", "")])
def test_what_does_not_open_is_told_the_same(client, name, password):
    user(client)
    browser = Browser(client)
    answer = browser.sign_in(name, password)
    assert answer.status_code == 401
    assert "This name and password open nothing." in text_of(answer)
    assert "homeroom" not in browser.cookies
    assert password not in answer.text or not password


def test_signing_in_failing_and_signing_out_are_written_down_and_no_name_that_is_not_there(client):
    user(client)
    browser = Browser(client)
    browser.sign_in("my password, by mistake")
    browser.sign_in(password="wrong words")
    browser.sign_in()
    browser.get("/overview")
    assert browser.post("/sign-out", {"token": browser.token()}).status_code == 303
    assert [one[1:] for one in audited(client) if one[1].startswith("user")] == [
        ("user ada", "sign-in.refused"),
        ("user ada", "sign-in"),
        ("user ada", "sign-out"),
    ]
    assert "mistake" not in client.audit.path.read_text()


def test_signing_out_ends_the_session_and_not_only_the_cookie(client):
    browser = signed_in(client)
    kept = dict(browser.cookies)
    browser.get("/overview")
    browser.post("/sign-out", {"token": browser.token()})
    assert "homeroom" not in browser.cookies
    browser.cookies = kept
    assert browser.get("/overview").status_code == 303


def test_a_user_who_is_removed_is_out_at_once(client):
    browser = signed_in(client)
    assert browser.get("/overview").status_code == 200
    client.run(client.node.change(UserRemoved(name="ada"), "test"))
    assert browser.get("/overview").status_code == 303


def test_guesses_for_a_name_are_few_and_come_back_with_time_and_other_addresses_are_not_kept_out(
    client,
):
    user(client)
    browser = Browser(client)
    for _ in range(limits.SIGN_IN_TRIES):
        assert browser.sign_in(password="wrong words").status_code == 401
    answer = browser.sign_in()
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 1
    assert "Too many passwords" in text_of(answer)
    client.now_ms += 31_000
    for _ in range(limits.SIGN_IN_TRIES + 2):  # what opens is no try
        assert browser.sign_in().status_code == 303


def test_a_form_of_another_page_does_nothing(client):
    user(client)
    browser = Browser(client)
    browser.get("/sign-in")
    fields = {"token": browser.token(), "name": "ada", "password": WORDS}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert browser.post("/sign-in", fields, **headers).status_code == 403
    other = {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}
    assert browser.post("/sign-in", fields, **other).status_code == 403
    assert browser.post("/sign-in", {**fields, "token": "00" * 64}).status_code == 403
    browser.cookies.clear()
    assert browser.post("/sign-in", fields).status_code == 403


def test_nobody_is_signed_out_by_another_page(client):
    browser = signed_in(client)
    browser.get("/overview")
    token = browser.token()
    assert browser.post("/sign-out", {}).status_code == 403
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert browser.post("/sign-out", {"token": token}, **cross).status_code == 403
    assert browser.get("/overview").status_code == 200


@pytest.mark.parametrize(
    "place",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb"],
)
def test_signing_in_leads_to_no_other_place(client, place):
    user(client)
    answer = Browser(client).sign_in(next=place)
    assert (answer.status_code, answer.headers["location"]) == (303, "/overview")


def test_a_new_session_takes_the_place_of_the_one_before(client):
    browser = signed_in(client)
    before = browser.cookies["homeroom"]
    browser.sign_in()
    assert browser.cookies["homeroom"] != before
    assert client.interface.sessions.of(before, client.now_ms) is None


def test_a_cookie_opens_no_interface_for_programs_and_a_key_no_page(client):
    browser = signed_in(client, scopes=("read", "admin", "persons"))
    client.send(EVENT)
    assert browser.get("/v1/status").status_code == 401
    key = client.key("read")
    assert client("GET", "/overview", key).status_code == 303


def test_what_is_typed_is_shown_as_text(client):
    user(client, HOSTILE.replace("/", ""))
    browser = Browser(client)
    browser.sign_in(HOSTILE.replace("/", ""))
    page = browser.get("/overview").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in browser.get(f"/sign-in?next=/{HOSTILE}").text
