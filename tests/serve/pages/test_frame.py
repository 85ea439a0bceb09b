"""What stands around the pages: policy, headers, files by content, and small enough to load at once."""

import gzip
import re

import pytest

from homeroom.serve.looks.texts import texts_of
from homeroom.serve.pages.assets import asset_at, href
from tests.serve.pages.browsing import Browser, signed_in, weeks

PACKED_BYTES_MAX = 150_000
FILES = ("pages.css", "pages.js", "triangle.js", "icon.svg")


def test_a_page_may_run_and_load_nothing_but_the_nodes_own_files(client):
    browser = signed_in(client)
    client.send(*weeks())
    for path in ("/sign-in", "/overview", "/retention", "/funnel", "/nothing"):
        answer = browser.get(path, Accept="text/html")
        policies = answer.headers.get_list("content-security-policy")
        assert len(policies) == 1
        assert "unsafe" not in policies[0]
        assert "default-src 'none'" in policies[0]
        assert answer.headers.get_list("cache-control") == ["no-store"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert not re.search(r"<style|<script>|\sstyle=|\son\w+=|javascript:", answer.text)
        assert "http" not in re.sub(r'xmlns="[^"]*"', "", answer.text)


def test_what_is_no_page_keeps_the_headers_that_it_had(client):
    answer = client("GET", "/docs")
    assert answer.headers.get_list("content-security-policy") == [
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    ]
    assert client("GET", "/nothing", headers={"Accept": "application/json"}).json()["status"] == 404


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_kept_for_ever_under_its_content(client, name):
    answer = client("GET", href(name))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == asset_at(href(name).split("/")[2], name).content
    again = client("GET", href(name), headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client("GET", f"/static/0123456789abcdef/{name}").status_code == 404
    assert "url(" not in answer.text.replace("url(#", "")


def test_a_first_load_is_small(client):
    browser = signed_in(client)
    client.send(*weeks(30, 12))
    files = sum(len(asset_at(href(name).split("/")[2], name).packed) for name in FILES)
    for path in ("/overview", "/retention", "/retention?interval=day", "/paths", "/lifecycle"):
        page = len(gzip.compress(browser.get(path).content, 5))
        assert files + page < PACKED_BYTES_MAX, path


def test_a_page_goes_out_packed_and_its_secret_is_another_text_each_time(client):
    browser = signed_in(client)
    answer = browser.get("/retention", Accept_Encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    first = browser.token()
    browser.get("/retention")
    assert browser.token() != first
    assert browser.post("/sign-out", {"token": first}).status_code == 303


def test_light_or_dark_is_what_the_reader_chose_and_nothing_else_is_taken_for_it(client):
    browser = Browser(client)
    assert "data-theme" not in browser.get("/sign-in").text
    browser.cookies["homeroom-theme"] = "dark"
    assert '<html lang="en" dir="ltr" data-theme="dark">' in browser.get("/sign-in").text
    browser.cookies["homeroom-theme"] = '"><script>'
    assert "data-theme" not in browser.get("/sign-in").text


def test_ids_are_unique_and_what_is_referred_to_is_there(client):
    browser = signed_in(client)
    client.send(*weeks())
    for path in ("/sign-in", "/overview", "/retention?beside=mode%3Drecurring", "/funnel"):
        page = browser.get(path).text
        ids = re.findall(r'\sid="([^"]*)"', page)
        assert len(ids) == len(set(ids)), path
        pointed = re.findall(r'(?:aria-labelledby|aria-describedby|for|list)="([^"]*)"', page)
        assert {one for several in pointed for one in several.split()} <= set(ids), path


def test_every_text_is_used_and_every_text_that_is_used_is_there(root):
    source = "".join(
        path.read_text()
        for room in ("pages", "looks")
        for path in (root / "src/homeroom/serve" / room).rglob("*")
        if path.suffix in (".py", ".html")
    )
    names = texts_of("en").names() - {"direction"}
    used = set(re.findall(r"""(?:\bt|texts)(?:\.count)?\(\s*['"]([a-z_.]+)['"][,)]""", source))
    for name in used:
        assert name in names or {f"{name}.one", f"{name}.other"} <= names, name
    begun = set(
        re.findall(r"""(?:\bt|texts)(?:\.count)?\(\s*f?['"]([a-z_.]+?)(?:['"] ?~|\{)""", source)
    )
    spoken = {name for name in names if name in used or any(name.startswith(b) for b in begun)}
    assert names == spoken
