"""Plants marks through what tells of memberships: pages, changes, streams that do not end, and webhooks.

The one that may do both, see persons and run webhooks, asks: so nothing is refused for want of a scope that would have
been told to others.
"""

import json
from urllib.parse import quote

from tests.privacy.planting import EVENT, Answer, Planter

__all__ = ["plant_memberships", "plant_rights", "plant_stream", "plant_webhooks"]

BOTH = "admin and persons"
CALLED = "http://127.0.0.1:1/"
"""An address that the settings allow, where nobody listens."""


def plant_memberships(planter: Planter) -> None:
    """Through names, cursors, numbers and pseudonyms of what is kept of memberships."""
    m = planter.marks
    name = m("definition.followed")
    path = f"/v1/cohorts/{quote(name)}"
    shown = ("definition.followed",)
    planter.ask("a followed cohort", "PUT", path, BOTH, json={"did": "verb=read"}, allowed=shown)
    person = m("events.account of a member")
    sent = planter.ask(
        "a member", "POST", "/v1/events", "write", json=[{**EVENT, "account": person}]
    )
    token = {"Homeroom-After": sent.headers["Homeroom-Token"]}
    for what in ("members", "changes"):
        planter.ask(what, "GET", f"{path}/{what}", BOTH, headers=token, allowed=shown)
        for parameter in ("cursor", "count", "after", m("membership.a name")):
            given = {parameter: m(f"membership.{parameter}")}
            planter.ask(what, "GET", f"{path}/{what}", BOTH, params=given, allowed=shown)
        unknown = quote(m.accented(f"membership.{what} of nothing"))
        planter.ask(what, "GET", f"/v1/cohorts/{unknown}/{what}", BOTH)
    for given in (m("membership.a pseudonym"), person):
        planter.ask("a learner", "GET", f"/v1/learners/{quote(given)}/cohorts", BOTH)
    # Why a cohort cannot be asked about names courses that there are.
    told = [
        one
        for one in m.all
        if one.endswith(("course", "grouping")) or one.startswith("definition.")
    ]
    planter.ask("sizes", "GET", "/v1/membership", BOTH, headers=token, allowed=told)
    wrong = {"Homeroom-After": m("membership.a token")}
    planter.ask("sizes", "GET", "/v1/membership", BOTH, headers=wrong)


def plant_stream(planter: Planter) -> None:
    """Through what a stream is asked by, and who is told of in it."""
    m = planter.marks
    for scope in (BOTH, "read", None):
        for given in ({"cohort": m("stream.cohort")}, {m("stream.a name"): "x", "cohort": ""}):
            planter.ask("a stream", "GET", "/v1/stream", scope, params=given)
    last = {"Last-Event-ID": m("stream.last")}
    planter.ask("a stream", "GET", "/v1/stream", BOTH, headers=last)
    asked = {"cohort": m("definition.followed")}
    with planter.stream("/v1/stream", BOTH, params=asked) as answer:
        lines = answer.iter_lines()
        told = [next(lines)]  # it has begun, so it tells of what comes now
        planter.ask(
            "one more", "POST", "/v1/events", "write",
            json=[{**EVENT, "account": m("stream.account")}],
        )  # fmt: skip
        while told[-1] != "event: change":
            told.append(next(lines))
        told.append(next(lines))
        told.append(next(lines))
    body = "\n".join(told).encode()
    allowed = frozenset({"definition.followed"})
    planter.answers.append(Answer("the stream", 200, dict(answer.headers), body, allowed))
    assert b'"change":"entered"' in body


def plant_webhooks(planter: Planter) -> None:
    """Through addresses and bodies of webhooks, those that are taken and those that are not."""
    m = planter.marks
    shown = [
        "webhook.url",
        "webhook.a name",
        "definition.followed",
        "webhook.path",
        "webhook.query",
        "webhook.cohort",
    ]
    url = f"{CALLED}{m('webhook.url')}?{m('webhook.a name')}=1"
    made = planter.ask(
        "a webhook", "POST", "/v1/webhooks", BOTH,
        json={"url": url, "cohorts": [m("definition.followed")]}, allowed=[*shown, "webhook.secret over HTTP"],
    ).json()  # fmt: skip
    m.secret("webhook.secret over HTTP", made["secret"])
    path = f"/v1/webhooks/{made['id']}"
    changed = planter.ask(
        "a secret", "POST", f"{path}/secret", BOTH,
        json={"overlap_seconds": 60}, allowed=["webhook.secret changed"],
    ).json()  # fmt: skip
    m.secret("webhook.secret changed", changed["secret"])
    for place in ("/v1/webhooks", path):
        planter.ask("webhooks", "GET", place, "admin", allowed=shown)
    planter.ask("dead letters", "GET", f"{path}/dead-letters", BOTH, allowed=shown)
    for what in ("pause", "resume", "dead-letters/replay", "dead-letters/drop"):
        for body in ({}, {"all": True}, {"ids": [m("webhook.an id")]}, {m("webhook.a field"): 1}):
            planter.ask(f"webhook {what}", "POST", f"{path}/{what}", BOTH, json=body)
    host, user = m("webhook.a host").lower(), m("webhook.a user")
    for refused in (
        f"https://{user}:{m('webhook.a password')}@x.example/", f"http://{host}.example/", f"file:{host}",
        f"http://10.0.0.1/{host}", host, [host], {host: host},
    ):  # fmt: skip
        planter.ask("a refused address", "POST", "/v1/webhooks", BOTH, json={"url": refused})
    for body in (
        {"url": CALLED, "cohorts": [m("webhook.no cohort")]},
        {"url": CALLED, m("webhook.odd"): 1},
    ):
        planter.ask("a refused webhook", "POST", "/v1/webhooks", BOTH, json=body)
    for method in ("GET", "DELETE"):
        planter.ask("no webhook", method, f"/v1/webhooks/{quote(m('webhook.none'))}", BOTH)
    asked = planter.ask("no webhook", "POST", f"/v1/webhooks/{m('webhook.none')}/pause", BOTH)
    assert json.loads(asked.content)["status"] == 404


def plant_rights(planter: Planter) -> None:
    """Through accounts, ids, reasons and days of what persons ask for by right."""
    m = planter.marks
    person = m("events.account of a member")
    for named in (
        {"account": person},
        {"issuer": m("rights.issuer"), "account": m("rights.account")},
        m("rights.a pseudonym"),
        [m("rights.a list")],
    ):
        whose = {"learner": named}
        shown = ("definition.followed",)  # a person is told which cohorts they are in
        planter.ask("a copy", "POST", "/v1/access", BOTH, json=whose, allowed=shown)
        for said in (
            {"says": "restricted"},
            {"says": "lifted"},
            {"says": m("rights.a word")},
            {"says": "given", "purpose": m("rights.a purpose")},
            {"says": "given", m("rights.a field"): 1},
        ):
            planter.ask("a consent", "POST", "/v1/consents", BOTH, json={**whose, **said})
        wrong = {"void": [m("rights.an id")], "reason": m("rights.a reason")}
        planter.ask("put right", "POST", "/v1/rectifications", BOTH, json={**whose, **wrong})
    unknown = quote(m("rights.in a path"))
    planter.ask("consents", "GET", f"/v1/learners/{unknown}/consents", BOTH)
    for path, body in (
        ("/v1/requests", {"kind": m("rights.a kind")}),
        ("/v1/requests", {"kind": "access", "received": m("rights.a day")}),
        (f"/v1/requests/{quote(m('rights.a request'))}/close", {"outcome": "done"}),
    ):
        planter.ask("a request", "POST", path, BOTH, json=body)
    names = {m("rights.a name of a purpose"): "consent", "analytics": "nothing"}
    planter.ask("purposes", "PUT", "/v1/purposes", BOTH, json={"purposes": names})
    planter.ask("the report", "GET", "/v1/compliance", BOTH)
