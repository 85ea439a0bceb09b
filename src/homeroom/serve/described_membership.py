"""The part of the OpenAPI document that is about memberships and webhooks: who is in which cohort, and who is told.

Both speak of the same things (a cohort with its version, a change of membership), so they share schemas.
"""

from typing import Any, Final

from homeroom import limits
from homeroom.cohorts.membership.changes import CAUSES
from homeroom.hooks.steps import Why
from homeroom.serve.belonging import COUNT
from homeroom.serve.describing import (
    WITH_BODY,
    after,
    answer,
    body,
    in_header,
    in_path,
    in_query,
    named,
    nothing,
    object_of,
    operation,
)
from homeroom.serve.hooking import OVERLAP_S, OVERLAP_S_MAX

__all__ = ["membership_paths", "membership_schemas", "webhook_paths"]

_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_YES: Final = {"type": "boolean"}
_TIME: Final = {"type": "string", "format": "date-time"}
_LEARNER: Final = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_DELIVERY: Final = {"type": "string", "pattern": "^msg_[0-9a-f]{32}$"}
_READ: Final = ("bad-request", "bad-token", "not-found", "not-yet")


def _or_null(kind: str, **more: object) -> dict[str, Any]:
    return {"type": [kind, "null"], **more}


# --- memberships ------------------------------------------------------------------------------------------------------


def membership_paths() -> dict[str, Any]:
    """Return the operations that read what is kept of memberships."""
    name = in_path("name", "of the cohort", minLength=1, maxLength=limits.NAME_CHARACTERS_MAX)
    cursor = {
        "name": "cursor",
        "in": "query",
        "description": "where the page before ended; left out for the first one",
        "schema": {"type": "string", "pattern": "^[0-9]{1,12}-[0-9a-f]{8}-[0-9]{1,12}$"},
    }
    members_max, changes_max = limits.MEMBERS_READ_MAX, limits.CHANGES_TOLD_MAX
    header = in_header("Homeroom-After", "a token: the answer waits until it holds that entry")
    number = in_query("after", "changes after this number", (0, limits.JSON_WHOLE_MAX), 0)
    pseudonym = in_path("pseudonym", "of the learner", pattern="^[0-9a-f]{32}$")
    return {
        "/v1/membership": {
            "get": operation(
                "getMembership",
                "Read the sizes of all cohorts that are kept",
                ("bad-token", "not-yet"),
                {"200": answer("the cohorts, as of when", named("Membership"))},
                parameters=after(),
            )
        },
        "/v1/cohorts/{name}/members": {
            "parameters": [name],
            "get": operation(
                "listMembers",
                "List the members of a cohort, a page at a time",
                (*_READ, "conflict"),
                {"200": answer("a page of members", named("MembersPage"))},
                parameters=[
                    cursor,
                    in_query("count", "how many at most", (1, members_max), COUNT),
                    *after(),
                ],
            ),
        },
        "/v1/cohorts/{name}/changes": {
            "parameters": [name],
            "get": operation(
                "listChanges",
                "List who entered and left a cohort, after a number",
                _READ,
                {"200": answer("changes, in order", named("ChangesPage"))},
                parameters=[
                    number,
                    in_query("count", "how many at most", (1, changes_max), changes_max),
                    header,
                ],
            ),
        },
        "/v1/learners/{pseudonym}/cohorts": {
            "parameters": [pseudonym],
            "get": operation(
                "getLearnerCohorts",
                "Read which cohorts one learner is in now",
                ("bad-request", "bad-token", "not-yet"),
                {"200": answer("its cohorts, as of when", named("LearnerCohorts"))},
                parameters=after(),
            ),
        },
    }


# --- webhooks ---------------------------------------------------------------------------------------------------------


def webhook_paths() -> dict[str, Any]:
    """Return the operations that look after webhooks."""
    webhook = in_path("webhook", "the id of the webhook", pattern="^[0-9a-f]{16}$")
    every = object_of(("webhooks",), webhooks={"type": "array", "items": named("Webhook")})
    made = answer(
        "the webhook; its secret is told here and never again",
        named("WebhookCreated"),
        {"Location": {"description": "of the webhook", "schema": _TEXT}},
    )
    new = {
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {
            "url": {"type": "string", "maxLength": limits.WEBHOOK_URL_CHARACTERS_MAX},
            "cohorts": {"type": "array", "items": _TEXT, "maxItems": limits.WEBHOOK_COHORTS_MAX},
        },
    }
    list_, create = (
        operation("listWebhooks", "List the webhooks", (), {"200": answer("all webhooks", every)}),
        operation(
            "createWebhook",
            "Have an address told of who enters and leaves cohorts; names none to be told of all",
            (*WITH_BODY, "conflict"),
            {"201": made},
            requestBody=body(new),
        ),
    )
    get, delete = (
        operation(
            "getWebhook",
            "Read a webhook, and how its deliveries stand",
            ("not-found",),
            {"200": answer("the webhook", named("Webhook"))},
        ),
        operation(
            "deleteWebhook",
            "Delete a webhook, and what waits for it",
            ("not-found",),
            {"204": nothing("it is none any more")},
        ),
    )
    return {
        "/v1/webhooks": {"get": list_, "post": create},
        "/v1/webhooks/{webhook}": {"parameters": [webhook], "get": get, "delete": delete},
        **_webhook_changes(webhook),
        **_dead_letters(webhook),
    }


def _webhook_changes(webhook: dict[str, Any]) -> dict[str, Any]:
    overlap = {
        "type": "integer",
        "minimum": 0,
        "maximum": OVERLAP_S_MAX,
        "default": OVERLAP_S,
        "description": "for so long the secret before signs too",
    }
    wanted = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"overlap_seconds": overlap},
    }
    operations = {
        "pause": operation(
            "pauseWebhook",
            "Send nothing to a webhook; what changes waits",
            ("not-found",),
            {"204": nothing("it pauses")},
        ),
        "resume": operation(
            "resumeWebhook",
            "Send again, also to a target that asked for no more",
            ("not-found",),
            {"204": nothing("it goes on")},
        ),
        "secret": operation(
            "changeWebhookSecret",
            "Sign with a new secret, which is told here and never again",
            (*WITH_BODY, "not-found"),
            {"200": answer("the new secret", named("WebhookSecret"))},
            requestBody=body(wanted),
        ),
    }
    return {
        f"/v1/webhooks/{{webhook}}/{name}": {"parameters": [webhook], "post": one}
        for name, one in operations.items()
    }


def _dead_letters(webhook: dict[str, Any]) -> dict[str, Any]:
    ids = {"type": "array", "items": _DELIVERY, "maxItems": limits.DEAD_LETTERS_MAX}
    some = {
        "oneOf": [
            {
                "type": "object",
                "required": [field],
                "additionalProperties": False,
                "properties": {field: schema},
            }
            for field, schema in (("ids", ids), ("all", {"const": True}))
        ]
    }
    count_max = limits.DEAD_LETTERS_TOLD_MAX
    letters = object_of(
        ("dead_letters", "after"),
        dead_letters={"type": "array", "items": named("DeadLetter")},
        after=_or_null("integer"),
    )
    path = "/v1/webhooks/{webhook}/dead-letters"
    return {
        path: {
            "parameters": [webhook],
            "get": operation(
                "listDeadLetters",
                "List deliveries that were given up, the oldest first",
                ("bad-request", "not-found"),
                {"200": answer("a page of them", letters)},
                parameters=[
                    in_query("after", "those after this place", (0, limits.JSON_WHOLE_MAX), 0),
                    in_query("count", "how many at most", (1, count_max), count_max),
                ],
            ),
        },
        f"{path}/replay": {
            "parameters": [webhook],
            "post": operation(
                "replayDeadLetters",
                "Send dead letters again: those named, or all",
                (*WITH_BODY, "not-found"),
                {"204": nothing("they are sent again, as soon as the target takes them")},
                requestBody=body(some),
            ),
        },
        f"{path}/drop": {
            "parameters": [webhook],
            "post": operation(
                "dropDeadLetters",
                "Forget dead letters: those named, or all; their numbers are told as lost",
                (*WITH_BODY, "not-found"),
                {"204": nothing("they are forgotten")},
                requestBody=body(some),
            ),
        },
    }


# --- schemas ----------------------------------------------------------------------------------------------------------


def membership_schemas() -> dict[str, Any]:
    """Return the schemas that these operations name."""
    return {**_of_membership(), **_of_webhooks()}


def _of_membership() -> dict[str, Any]:
    as_of = {
        "date": _or_null("string", format="date"),
        "as_of": _TIME,
        "vector": {"type": "object", "additionalProperties": _WHOLE},
    }
    problem = _or_null("string")
    cohort = object_of(
        ("name", "version", "size", "problem"),
        name=_TEXT,
        version=_WHOLE,
        size=_or_null("integer"),
        problem=problem,
    )
    change: dict[str, Any] = {
        "number": _WHOLE,
        "cohort": _TEXT,
        "version": _WHOLE,
        "learner": _LEARNER,
        "change": {"enum": ["entered", "left"]},
        "at": _TIME,
        "cause": {"enum": [cause.value for cause in CAUSES]},
    }
    members: dict[str, Any] = {
        "cohort": _TEXT,
        "version": _WHOLE,
        "size": _WHOLE,
        "problem": problem,
        "members": {"type": "array", "items": _LEARNER, "maxItems": limits.MEMBERS_READ_MAX},
        "cursor": _or_null("string"),
        "last_change": _WHOLE,
        **as_of,
    }
    page: dict[str, Any] = {
        "cohort": _TEXT,
        "changes": {"type": "array", "items": named("MemberChange")},
        "last": _WHOLE,
        "more": _YES,
        "missed": _YES,
    }
    own = object_of(("name", "version"), name=_TEXT, version=_WHOLE)
    return {
        "Membership": object_of(
            ("cohorts", "learners", "counted", *as_of),
            cohorts={"type": "array", "items": cohort},
            learners=_or_null("integer"),
            counted=_YES,
            last_change=_WHOLE,
            **as_of,
        ),
        "MemberChange": object_of(change, **change),
        "MembersPage": object_of(members, **members),
        "ChangesPage": object_of(page, **page),
        "LearnerCohorts": object_of(
            ("learner", "cohorts", *as_of),
            learner=_LEARNER,
            cohorts={"type": "array", "items": own},
            **as_of,
        ),
    }


def _of_webhooks() -> dict[str, Any]:
    named_ = {"type": "array", "items": _TEXT}
    secret = {"type": "string", "pattern": "^whsec_"}
    lost = object_of(
        ("why", "first", "last"),
        why={"enum": [why.value for why in Why]},
        first=_WHOLE,
        last=_WHOLE,
    )
    standing: dict[str, Any] = {
        **dict.fromkeys(("cursor", "taken", "open", "failures", "dead_letters"), _WHOLE),
        "suspended": _or_null("string"),
        "lost": {"type": "array", "items": lost},
    }
    webhook: dict[str, Any] = {
        "id": _TEXT,
        "url": _TEXT,
        "cohorts": named_,
        "paused": _YES,
        "author": _TEXT,
        "created_at": _TIME,
        "standing": object_of(standing, **standing),
    }
    letter: dict[str, Any] = {
        "id": _DELIVERY,
        "place": _WHOLE,
        "attempts": _WHOLE,
        "given_up_at": _TIME,
        "why": _TEXT,
        "wanted_again": _YES,
        "changes": {"type": "array", "items": named("MemberChange")},
    }
    return {
        "Webhook": object_of(webhook, **webhook),
        "WebhookCreated": object_of(
            ("id", "url", "cohorts", "secret"), id=_TEXT, url=_TEXT, cohorts=named_, secret=secret
        ),
        "WebhookSecret": object_of(
            ("id", "secret", "overlap_seconds"), id=_TEXT, secret=secret, overlap_seconds=_WHOLE
        ),
        "DeadLetter": object_of(letter, **letter),
    }
