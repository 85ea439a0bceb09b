"""State, activity profiles and agent profiles (1.0.3, Communication, 2.2, 2.3, 2.6, 2.7, 3.1; 2.0, 4.1.4, 4.1.6)."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import pytest

from homeroom import limits
from tests.serve.xapi.store import READ, agent, caller, new_id


@dataclass(frozen=True)
class Resource:
    """A resource with a document's address in it that no other test uses."""

    path: str
    id_name: str
    address: dict[str, Any]

    def without(self, name):
        return {key: value for key, value in self.address.items() if key != name}

    def other(self, name):
        """Return an address that differs in one parameter alone."""
        value = agent(new_id()) if name == "agent" else f"http://things.example/{new_id()}"
        return {**self.address, name: value}


def resource(path):
    activity, document = f"http://things.example/{new_id()}", f"https://docs.example/{new_id()}"
    if path == "activities/state":
        address = {"activityId": activity, "agent": agent(new_id()), "stateId": document}
        return Resource(path, "stateId", address)
    address = {"agent": agent(new_id())} if path == "agents/profile" else {"activityId": activity}
    return Resource(path, "profileId", {**address, "profileId": document})


PATHS = ["activities/state", "activities/profile", "agents/profile"]
EACH = pytest.mark.parametrize("path", PATHS)
BOTH = pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
ALWAYS = {"If-None-Match": "*"}


@EACH
@BOTH
def test_a_document_is_written_read_and_dropped(store, path, version):  # 2.2, XAPI-00187 to 00192
    store.version = version
    one = resource(path)
    written = store.put(
        path, one.address, content=b"\x00bytes", headers={**ALWAYS, "Content-Type": "image/x"}
    )
    assert (written.status_code, written.content) == (204, b"")
    read = store.get(path, one.address)
    assert (read.status_code, read.content, read.headers["content-type"]) == (
        200,
        b"\x00bytes",
        "image/x",
    )
    assert read.headers["Last-Modified"].endswith("GMT")
    assert store.delete(path, one.address).status_code == 204
    assert store.get(path, one.address).status_code == 404
    assert store.delete(path, one.address).status_code == 204


@EACH
@BOTH
def test_an_address_is_all_of_its_parameters(store, path, version):
    store.version = version
    one = resource(path)
    store.post(path, one.address, json={"x": 1})
    for name in one.address:
        assert store.get(path, one.other(name)).status_code == 404
    if path == "activities/state":
        other = {**one.address, "registration": new_id()}
        assert store.get(path, other).status_code == 404
        store.post(path, other, json={"x": 2})
        assert store.get(path, one.address).json() == {"x": 1}
        assert store.get(path, {**other, "registration": other["registration"].upper()}).json() == {
            "x": 2
        }


@EACH
@BOTH
def test_what_is_missing_or_wrong_in_an_address_is_refused(
    store, path, version
):  # XAPI-00196 to 00215
    store.version = version
    one = resource(path)
    for method in ("GET", "PUT", "POST", "DELETE"):

        def ask(params, method=method):
            body = {} if method in ("GET", "DELETE") else {"json": {}}
            given = {"GET": store.get, "PUT": store.put, "POST": store.post, "DELETE": store.delete}
            return given[method](path, params, **body).status_code

        for name in set(one.address) - {one.id_name}:
            assert ask(one.without(name)) == 400
        if method in ("PUT", "POST") or (method == "DELETE" and path != "activities/state"):
            assert ask(one.without(one.id_name)) == 400
        for name, bad in (
            ("agent", "true"),
            ("agent", "not JSON"),
            ("agent", {"objectType": "Group", "member": [agent()]}),
            ("activityId", "no-scheme"),
            ("registration", "no-uuid"),
            ("since", "true"),
            ("foo", "bar"),
            (one.id_name.title(), "x"),
        ):
            params = {**one.address, name: bad}
            if name == "since":
                params.pop(one.id_name)
            assert ask(params) == 400, (method, name)


@EACH
def test_a_group_with_an_identifier_may_have_documents(store, path):
    if path == "activities/profile":
        return
    one = resource(path)
    group = {"objectType": "Group", "mbox": f"mailto:{new_id()}@x.example"}
    address = {**one.address, "agent": group}
    assert store.post(path, address, json={}).status_code == 204
    assert store.get(path, address).json() == {}


@EACH
@BOTH
def test_ids_are_listed_since_a_time(store, path, version):  # XAPI-00268, 00289, 00294
    store.version = version
    one = resource(path)
    scope = one.without(one.id_name)
    assert store.get(path, scope).json() == []
    names = [one.address[one.id_name], "https://docs.example/second", "third"]
    for name in names:
        store.post(path, {**one.address, one.id_name: name}, json={})
    listed = store.get(path, scope)
    assert sorted(listed.json()) == sorted(names)
    assert listed.headers["ETag"]
    assert listed.headers["Last-Modified"] >= store.get(path, one.address).headers["Last-Modified"]
    since = "2026-01-01T00:00:00Z"
    assert store.get(path, {**scope, "since": "2001-01-01T00:00:00Z"}).json() == listed.json()
    assert store.get(path, {**scope, "since": since}).json() == []
    store.delete(path, one.address)
    assert sorted(store.get(path, scope).json()) == sorted(names[1:])


@EACH
@BOTH
def test_a_post_merges_members_of_objects(store, path, version):  # 2.2.s7, XAPI-00310
    store.version = version
    one = resource(path)
    assert (
        store.post(path, one.address, json={"car": "Honda", "deep": {"a": 1, "b": 2}}).status_code
        == 204
    )
    assert (
        store.post(path, one.address, json={"type": "Civic", "deep": {"a": 3}}).status_code == 204
    )
    read = store.get(path, one.address)
    assert read.json() == {"car": "Honda", "type": "Civic", "deep": {"a": 3}}
    assert read.headers["content-type"] == "application/json"


@EACH
@BOTH
def test_only_objects_can_be_merged(store, path, version):  # 2.2.s8, XAPI-00234
    store.version = version
    one = resource(path)
    text, json = {"Content-Type": "text/plain"}, {"Content-Type": "application/json"}
    store.post(path, one.address, json={"x": 1})
    for content, headers in (
        (b"abc", text),
        (b"[1]", json),
        (b"1", json),
        (b"{", json),
        (b'{"a":1,"a":2}', json),
    ):
        assert store.post(path, one.address, content=content, headers=headers).status_code == 400
    assert store.get(path, one.address).json() == {"x": 1}
    other = resource(path)
    assert store.post(path, other.address, content=b"abc", headers=text).status_code == 204
    assert store.post(path, other.address, json={}).status_code == 400
    third = resource(path)
    assert store.post(path, third.address, content=b"{", headers=json).status_code == 400
    for content in (b"1", b"true", b"[]"):
        fresh = resource(path)
        assert store.post(path, fresh.address, content=content, headers=json).status_code == 204


@EACH
@BOTH
def test_the_entity_tag_is_the_sha1_in_quotes(store, path, version):  # 3.1
    store.version = version
    one = resource(path)
    store.post(path, one.address, content=b'{"x": 1}', headers={"Content-Type": "application/json"})
    tag = store.get(path, one.address).headers["ETag"]
    digest = hashlib.sha1(b'{"x": 1}').hexdigest()
    assert tag == f'"{digest}"'
    unchanged = store.get(path, one.address, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert store.ask("HEAD", path, params=None).status_code == 400


@EACH
@BOTH
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_a_change_may_be_bound_to_what_was_seen(store, path, version, method):  # 3.1, XAPI-00322
    store.version = version
    one = resource(path)
    store.post(path, one.address, json={"x": 1})
    tag = store.get(path, one.address).headers["ETag"]
    body = {} if method == "DELETE" else {"json": {"y": 2}}
    ask = {"PUT": store.put, "POST": store.post, "DELETE": store.delete}[method]
    for headers in (
        {"If-Match": '"1111111111111111111111111111111111111111"'},
        {"If-Match": "1234"},
        {"If-None-Match": "*"},
        {"If-None-Match": f'"x", {tag}'},
        {"If-Match": tag, "If-None-Match": "*"},
    ):
        answer = ask(path, one.address, headers=headers, **body)
        assert answer.status_code == 412
        assert answer.json()["type"] == "/docs#precondition-failed"
        assert store.get(path, one.address).json() == {"x": 1}
    assert ask(path, one.other(one.id_name), headers={"If-Match": "*"}, **body).status_code == 412
    answer = ask(path, one.address, headers={"If-Match": f'"x", {tag}'}, **body)
    assert answer.status_code == 204
    if method != "DELETE":
        assert store.get(path, one.address).json()["y"] == 2


@EACH
@BOTH
def test_a_put_over_what_is_there_needs_a_condition(store, path, version):  # 3.1; 2.0, 4.1.4
    store.version = version
    one = resource(path)
    assert store.put(path, one.address, json={"x": 1}).status_code == 204
    answer = store.put(path, one.address, json={"x": 2})
    if path == "activities/state" and version == "1.0.3":
        assert answer.status_code == 204
        return
    assert answer.status_code == 409
    assert "If-Match" in answer.json()["detail"]
    assert store.get(path, one.address).json() == {"x": 1}


@BOTH
def test_all_states_of_an_activity_for_a_person_are_dropped(store, version):  # 2.3, XAPI-00216
    store.version = version
    one = resource("activities/state")
    scope = one.without("stateId")
    registration = new_id()
    other = one.other("agent")
    for address in (
        one.address,
        {**one.address, "stateId": "b"},
        {**scope, "registration": registration, "stateId": "c"},
        other,
    ):
        store.post("activities/state", address, json={})
    assert len(store.get("activities/state", scope).json()) == 3
    assert store.get("activities/state", {**scope, "registration": registration}).json() == ["c"]
    assert (
        store.delete("activities/state", {**scope, "registration": registration}).status_code == 204
    )
    assert len(store.get("activities/state", scope).json()) == 2
    assert store.delete("activities/state", scope).status_code == 204
    assert store.get("activities/state", scope).json() == []
    assert store.get("activities/state", other).status_code == 200


@EACH
def test_documents_are_bounded_and_do_not_run_as_pages(store, path):
    one = resource(path)
    large = b"x" * (limits.RECORD_BODY_BYTES_MAX + 1)
    assert store.put(path, one.address, content=large, headers=ALWAYS).status_code == 413
    long = {**ALWAYS, "Content-Type": "text/" + "x" * 300}
    assert store.put(path, one.address, content=b"x", headers=long).status_code == 400
    page = {**ALWAYS, "Content-Type": "text/html"}
    store.put(path, one.address, content=b"<script>", headers=page)
    headers = store.get(path, one.address).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox"


@EACH
def test_who_may_only_read_changes_nothing(store, path):
    one = resource(path)
    store.post(path, one.address, json={})
    store.caller = caller(READ)
    assert store.get(path, one.address).status_code == 200
    for ask in (store.put, store.post, store.delete):
        assert ask(path, one.address).status_code == 403


@EACH
def test_a_document_of_another_tenant_is_not_there(store, path):
    one = resource(path)
    store.post(path, one.address, json={})
    store.caller = replace(store.caller, tenant="documents of others")
    assert store.get(path, one.address).status_code == 404
    assert store.get(path, one.without(one.id_name)).json() == []
