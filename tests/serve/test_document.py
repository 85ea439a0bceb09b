"""The OpenAPI document tells the truth: of every route, and of whatever is answered to whatever it allows."""

import copy
import re
from pathlib import Path

import jsonschema
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from litestar.routes import ASGIRoute
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from docs import write_settings
from homeroom.adapters.metrics import NAMES
from homeroom.log.control import Scope
from homeroom.serve.document import document, page
from homeroom.serve.intake import FORMS
from homeroom.serve.pages import page_routes
from homeroom.serve.problems import PROBLEMS
from homeroom.serve.streaming import STREAM_PATH

DOCUMENT = document()


def test_every_route_is_in_the_document_and_the_document_has_no_others(shared_client):
    routes = {}
    for route in shared_client.app.litestar.routes:
        path = route.path
        for part in route.path_components:
            if not isinstance(part, str):
                path = path.replace(f"{{{part.name}:str}}", f"{{{part.name}}}")
        own = {"get"} if path == STREAM_PATH else {"post"}
        methods = own if isinstance(route, ASGIRoute) else {m.lower() for m in route.methods}
        routes[path] = methods - {"options"}
    # Pages are for people, and stand on a page of their own (docs/reference/pages.md).
    pages = {path for one in page_routes(shared_client.interface) for path in one.paths}
    pages = {path.replace(":str", "") for path in pages}
    routes = {path: methods for path, methods in routes.items() if path not in pages}
    said = {path: {m for m in ops if m != "parameters"} for path, ops in DOCUMENT["paths"].items()}
    assert said == routes


def test_every_reference_leads_somewhere_and_every_schema_is_one():
    def walk(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            for one in value.values():
                yield from walk(one)
        elif isinstance(value, list):
            for one in value:
                yield from walk(one)

    schemas = DOCUMENT["components"]["schemas"]
    assert {ref.rpartition("/")[2] for ref in walk(DOCUMENT)} == set(schemas)
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_operations_have_names_of_their_own():
    names = [
        operation["operationId"]
        for operations in DOCUMENT["paths"].values()
        for method, operation in operations.items()
        if method != "parameters"
    ]
    assert len(set(names)) == len(names)


def test_the_page_names_every_path_and_problem_and_fetches_nothing():
    text = page()
    for path in DOCUMENT["paths"]:
        assert path in text
    for name in PROBLEMS:
        assert f'id="{name}"' in text
    assert "http:" not in text
    assert "https:" not in text
    assert "<script" not in text


def test_the_document_is_served_as_it_is(shared_client):
    assert shared_client("GET", "/openapi.json").json() == DOCUMENT
    assert shared_client("GET", "/docs").text == page()


# --- asked all that it allows ----------------------------------------------------------------------------------------

CHECKED = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    not_a_server_error,
]
"""Not among them: that whatever has the right form is accepted. A question of the right form may name a course that no
event has, and a definition a cohort that is not there; no schema can say so."""


def ask_all(client, operation, mode, examples):
    """Ask what Schemathesis makes of an operation, check each answer against the document, return how many."""
    key = client.key("read", "write", "admin", "persons", name="everything")
    found = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(mode))
    def ask(case):
        nonlocal found
        sent = case.as_transport_kwargs(base_url="http://node")
        request = requests.Request(
            **{k: v for k, v in sent.items() if k in REQUEST_PARTS}
        ).prepare()
        headers = {
            name: value.encode("latin-1") if isinstance(value, str) else value
            for name, value in request.headers.items()
            if name.lower() != "authorization"
        }
        path = request.url.removeprefix("http://node")
        if found % 2:
            path = of_something(client, key, path)
        answer = client(request.method, path, key, content=request.body or b"", headers=headers)
        case.validate_response(answer, checks=CHECKED)
        found += 1

    ask()
    return found


def of_something(client, key, path):
    """Return a path with a cohort and a webhook that there are in place of those that it names."""
    if path.startswith("/v1/cohorts/") and path.partition("?")[0].endswith(
        ("/members", "/changes")
    ):
        only_new = {"If-None-Match": "*"}
        made = client("PUT", "/v1/cohorts/kept", key, json={"did": "any"}, headers=only_new)
        if (
            made.status_code == 201
        ):  # until all learners have been asked it has no members to be read
            client(
                "GET",
                "/v1/membership",
                key,
                headers={"Homeroom-After": made.headers["Homeroom-Token"]},
            )
        return re.sub(r"/v1/cohorts/.*(?=/members|/changes)", "/v1/cohorts/kept", path)
    if not re.match(r"/v1/webhooks/[0-9a-f]{16}", path):
        return path
    if not client.node.control().webhooks:
        client("POST", "/v1/webhooks", key, json={"url": "https://hooks.example.org/"})
    (webhook, *_) = client.node.control().webhooks
    return re.sub(r"(?<=^/v1/webhooks/)[0-9a-f]{16}", webhook, path)


REQUEST_PARTS = ("method", "url", "headers", "files", "data", "params", "auth", "cookies", "json")
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {
            "negative_data_rejection": {
                # Its own list, and those that say it better: of another version, too large.
                "expected-statuses": ["400", "401", "403", "404", "409", "412", "413", "415", "422"]
            }
        }
    }
)
WITH_A_KEY = copy.deepcopy(DOCUMENT)
"""Every request here has a good key, so keys are no part of what may be wrong."""
for of_path in WITH_A_KEY["paths"].values():
    for one in of_path.values():
        if isinstance(one, dict):
            one.pop("security", None)
SCHEMA = schemathesis.openapi.from_dict(WITH_A_KEY, config=CONFIG)
# A stream does not end, so it is asked over sockets, in test_streaming.py.
OPERATIONS = [
    one
    for one in (result.ok() for result in SCHEMA.get_all_operations())
    if one.path != STREAM_PATH
]
NEGATIVE = [one for one in OPERATIONS if one.label.startswith(("POST", "PUT"))]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_answers_are_as_the_document_says(shared_client, operation):
    assert ask_all(shared_client, operation, GenerationMode.POSITIVE, 8)


@pytest.mark.parametrize("operation", NEGATIVE, ids=lambda one: one.label)
def test_what_the_document_does_not_allow_is_refused(shared_client, operation):
    assert ask_all(shared_client, operation, GenerationMode.NEGATIVE, 8)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_many_answers_are_as_the_document_says(shared_client, operation, mode):
    if mode is GenerationMode.NEGATIVE and operation not in NEGATIVE:
        pytest.skip("nothing of it can be wrong")
    assert ask_all(shared_client, operation, mode, 300)


# --- the pages of the docs -------------------------------------------------------------------------------------------

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_the_reference_names_every_path_problem_form_scope_and_metric():
    text = (REFERENCE / "http.md").read_text(encoding="utf-8")
    paths = {
        path.replace("lists", "cohorts").replace("calendars", "cohorts")
        for path in DOCUMENT["paths"]
    }
    wanted = {f"`{path}`" for path in paths}
    wanted |= {f"`{kind}`" for kind in FORMS if kind != "application/ndjson"}
    wanted |= {f"| `{scope}` |" for scope in Scope} | {f"| `{name}` |" for name in NAMES}
    wanted |= {f"| `/docs#{name}` | {status} |" for name, (status, _) in PROBLEMS.items()}
    assert not [one for one in sorted(wanted) if one not in text]


def test_the_page_of_settings_is_as_old_as_the_settings():
    said = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    assert write_settings.page() == said, "the page is older than the settings: make settings"
