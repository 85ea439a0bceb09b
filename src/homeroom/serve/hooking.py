"""Webhooks over HTTP: had, looked at, paused, given a new secret; and what could not be delivered.

A webhook carries pseudonyms to wherever it points, for as long as it is there. So two scopes meet here. ``admin`` looks
after webhooks: it sees them, and may stop what they do. Whatever makes pseudonyms flow, or shows them, needs
``persons`` as well: to have a webhook, to resume it, to be told its secret, to see dead letters and to send them again.
And a key that sees only some course runs has none of it: changes are about cohorts as they are defined.

A secret is in the answer that makes it, and in no other. The address is in no record of the audit log: there are those
that are secrets themselves; the host is.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler

from homeroom import limits
from homeroom.errors import ControlError, SourceError, WebhookError
from homeroom.events.instants import format_instant
from homeroom.hooks.messages import told_change
from homeroom.hooks.standing import DeadLetter, WebhookShown
from homeroom.hooks.targets import Allowed, parse_target
from homeroom.log.control import DefinitionKind, Scope
from homeroom.serve.access import Caller
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError, scrubbed
from homeroom.serve.requests import Asked, caller_of, json_answer, object_of, whole_of
from homeroom.serve.serving import ServingWebhooks

__all__ = ["OVERLAP_S", "OVERLAP_S_MAX", "webhook_routes"]

OVERLAP_S: Final = 86_400
"""For so long two secrets sign, if nothing else is asked for: a day."""
OVERLAP_S_MAX: Final = limits.WEBHOOK_OVERLAP_MS_MAX // 1_000
_DELIVERY: Final = re.compile(r"msg_[0-9a-f]{32}")
_URL_PARTS: Final = re.compile(r"[/@:?#\[\]]+")
_SCHEMES: Final = ("http", "https")

_T = TypeVar("_T")


def webhook_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the handlers of webhooks."""
    return [*_kept(interface), *_changed(interface), *_dead(interface)]


def _kept(interface: Interface) -> list[HTTPRouteHandler]:
    @get("/v1/webhooks")
    async def listed(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        shown = await _webhooks(interface).list(caller.tenant)
        return json_answer({"webhooks": [_said(one) for one in shown]})

    @post("/v1/webhooks", status_code=201)
    async def created(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request, Scope.PERSONS)
        said = await _create(interface, caller, await object_of(interface, request))
        return json_answer(said, 201, {"Location": f"/v1/webhooks/{said['id']}"})

    @get("/v1/webhooks/{webhook:str}")
    async def one(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request)
        webhook = _id(interface, caller, request)
        return json_answer(_said(await _done(_webhooks(interface).one(caller.tenant, webhook))))

    @delete("/v1/webhooks/{webhook:str}", status_code=204)
    async def deleted(request: Asked) -> Response[None]:
        caller = await _admin(interface, request)
        await _state(interface, caller, request, ("deleted", _webhooks(interface).delete))
        return Response(None, status_code=204)

    return [listed, created, one, deleted]


def _changed(interface: Interface) -> list[HTTPRouteHandler]:
    @post("/v1/webhooks/{webhook:str}/pause", status_code=204)
    async def paused(request: Asked) -> Response[None]:
        caller = await _admin(interface, request)
        await _state(interface, caller, request, ("paused", _webhooks(interface).pause))
        return Response(None, status_code=204)

    @post("/v1/webhooks/{webhook:str}/resume", status_code=204)
    async def resumed(request: Asked) -> Response[None]:
        caller = await _admin(interface, request, Scope.PERSONS)
        await _state(interface, caller, request, ("resumed", _webhooks(interface).resume))
        return Response(None, status_code=204)

    @post("/v1/webhooks/{webhook:str}/secret", status_code=200)
    async def secret(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request, Scope.PERSONS)
        overlap_s = _overlap_s(await object_of(interface, request))
        webhook = _id(interface, caller, request)
        await interface.write_down(caller, "webhook.secret", {"webhook": webhook})
        change = _webhooks(interface).change_secret
        made = await _done(change(caller.tenant, webhook, overlap_s * 1_000, caller.name))
        return json_answer({"id": made.id, "secret": made.secret, "overlap_seconds": overlap_s})

    return [paused, resumed, secret]


def _dead(interface: Interface) -> list[HTTPRouteHandler]:
    path = "/v1/webhooks/{webhook:str}/dead-letters"

    @get(path)
    async def letters(request: Asked) -> Response[bytes]:
        caller = await _admin(interface, request, Scope.PERSONS)
        count_max = limits.DEAD_LETTERS_TOLD_MAX
        count = whole_of(request, "count", count_max, (1, count_max))
        after = whole_of(request, "after", 0, (0, limits.JSON_WHOLE_MAX))
        webhook = _id(interface, caller, request)
        await interface.write_down(caller, "webhook.dead-letters", {"webhook": webhook})
        asked = _webhooks(interface).dead_letters(caller.tenant, webhook, after, count)
        found = await _done(asked)
        following = found[-1].place if len(found) == count else None
        return json_answer({"dead_letters": [_letter(one) for one in found], "after": following})

    @post(f"{path}/replay", status_code=204)
    async def replayed(request: Asked) -> Response[None]:
        caller = await _admin(interface, request, Scope.PERSONS)
        named = _named(await object_of(interface, request))
        do = ("replayed", _webhooks(interface).replay)
        await _to_letters(interface, (caller, _id(interface, caller, request)), named, do)
        return Response(None, status_code=204)

    @post(f"{path}/drop", status_code=204)
    async def dropped(request: Asked) -> Response[None]:
        caller = await _admin(interface, request)
        named = _named(await object_of(interface, request))
        do = ("dropped", _webhooks(interface).drop)
        await _to_letters(interface, (caller, _id(interface, caller, request)), named, do)
        return Response(None, status_code=204)

    return [letters, replayed, dropped]


# --- who may, and which -----------------------------------------------------------------------------------------------


async def _admin(interface: Interface, request: Asked, *also: Scope) -> Caller:
    """Return who asks, who may look after webhooks, and has these scopes too. Raises `ProblemError`."""
    caller = await caller_of(interface, request)
    for scope in (Scope.ADMIN, *also):
        caller.need(scope)
    caller.need_all_courses("webhooks are told of")
    return caller


def _webhooks(interface: Interface) -> ServingWebhooks:
    if interface.webhooks is None:
        raise ProblemError("unavailable", "this node runs without webhooks")
    return interface.webhooks


def _id(interface: Interface, caller: Caller, request: Asked) -> str:
    """Return the id of the webhook that a path names; that of another tenant is none. Raises `ProblemError`."""
    webhook: str = request.path_params["webhook"]
    found = interface.serving.control().webhooks.get(webhook)
    if found is None or found.tenant != caller.tenant:
        raise _none()
    return webhook


def _none() -> ProblemError:
    return ProblemError("not-found", "there is no webhook of this id; GET /v1/webhooks lists them")


# --- done -------------------------------------------------------------------------------------------------------------


async def _done(doing: Awaitable[_T]) -> _T:
    """Return what comes of something; what makes no sense to those who do it is a problem of whoever asked."""
    try:
        return await doing
    except ControlError as error:
        if "are allowed" in str(error):
            raise ProblemError("conflict", str(error), {"bound": "WEBHOOKS_MAX"}) from None
        raise _none() from None  # it was deleted meanwhile
    except SourceError:
        raise ProblemError(
            "unavailable",
            "the file of secrets cannot be written; free the node's disk",
            headers={"Retry-After": "5"},
        ) from None


async def _state(
    interface: Interface,
    caller: Caller,
    request: Asked,
    what: tuple[str, Callable[[str, str, str], Awaitable[None]]],
) -> None:
    """Write down that something is stated of a webhook, and have it stated."""
    webhook, (said, do) = _id(interface, caller, request), what
    await interface.write_down(caller, f"webhook.{said}", {"webhook": webhook})
    await _done(do(caller.tenant, webhook, caller.name))


async def _to_letters(
    interface: Interface,
    whose: tuple[Caller, str],
    named: Sequence[str] | None,
    what: tuple[str, Callable[[str, str, Sequence[str] | None], Awaitable[None]]],
) -> None:
    """Write down that something is done to dead letters of a webhook, and do it."""
    (caller, webhook), (said, do) = whose, what
    about = {"webhook": webhook, "dead_letters": "all" if named is None else len(named)}
    await interface.write_down(caller, f"webhook.{said}", about)
    await _done(do(caller.tenant, webhook, named))


async def _create(interface: Interface, caller: Caller, written: dict[str, Any]) -> dict[str, Any]:
    """Have a webhook; the answer is the only one that holds its secret."""
    _only(written, ("url", "cohorts"))
    url, cohorts = written.get("url"), written.get("cohorts", [])
    if not isinstance(url, str):
        raise _bad("url", "url must be the address that is told, https://…")
    host = _host(interface, url)
    named = _cohorts(interface, caller, cohorts)
    await interface.write_down(caller, "webhook.created", {"host": host, "cohorts": named})
    made = await _done(_webhooks(interface).create(caller.tenant, url, named, caller.name))
    return {"id": made.id, "url": url, "cohorts": named, "secret": made.secret}


# --- what was sent ----------------------------------------------------------------------------------------------------


def _bad(field: str, detail: str) -> ProblemError:
    return ProblemError("bad-request", detail, {"field": field})


def _only(written: dict[str, Any], fields: Sequence[str]) -> None:
    if not set(written) <= set(fields):
        raise ProblemError("bad-request", f"the body may hold {' and '.join(fields)}, nothing else")


def _host(interface: Interface, url: str) -> str:
    """Return where an address leads to, if a webhook may have it."""
    allowed = Allowed(frozenset(host.lower() for host in interface.settings.webhooks.hosts))
    try:
        return parse_target(url, allowed).host
    except WebhookError as error:
        told = scrubbed(str(error), [url, *_URL_PARTS.split(url)], _SCHEMES)
        raise _bad("url", told) from None


def _cohorts(interface: Interface, caller: Caller, cohorts: object) -> list[str]:
    """Return the cohorts that a webhook names, each of which there is: nothing would come of a misspelt one."""
    if not isinstance(cohorts, list) or not all(isinstance(one, str) for one in cohorts):
        raise _bad("cohorts", "cohorts must be an array of names; without it, it is told of all")
    named = sorted(set(cohorts))
    if len(named) > limits.WEBHOOK_COHORTS_MAX:
        raise _bad(
            "cohorts",
            f"cohorts has more than {limits.WEBHOOK_COHORTS_MAX} names; leave it out to be told of all",
        )
    known = interface.serving.control().definitions(caller.tenant, DefinitionKind.COHORT)
    if not set(named) <= set(known):
        raise _bad("cohorts", "cohorts names one that there is not; GET /v1/cohorts lists them")
    return named


def _overlap_s(written: dict[str, Any]) -> int:
    _only(written, ("overlap_seconds",))
    found = written.get("overlap_seconds", OVERLAP_S)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= OVERLAP_S_MAX:
        raise _bad(
            "overlap_seconds",
            f"overlap_seconds must be a whole number from 0 to {OVERLAP_S_MAX:,}: for so long both secrets sign",
        )
    return found


def _named(written: dict[str, Any]) -> list[str] | None:
    """Return the dead letters that a body names, None for all."""
    if written.get("all") is True and set(written) == {"all"}:
        return None
    ids = written.get("ids")
    known = ids if set(written) == {"ids"} and isinstance(ids, list) else [None]
    if len(known) <= limits.DEAD_LETTERS_MAX and all(map(_is_delivery, known)):
        return list(dict.fromkeys(known))
    raise _bad(
        "ids",
        f'the body must be {{"ids": […]}} with at most {limits.DEAD_LETTERS_MAX:,} ids of dead letters, or '
        f'{{"all": true}}',
    )


def _is_delivery(written: object) -> bool:
    return isinstance(written, str) and _DELIVERY.fullmatch(written) is not None


# --- what is told -----------------------------------------------------------------------------------------------------


def _said(shown: WebhookShown) -> dict[str, Any]:
    webhook, standing = shown.webhook, shown.standing
    return {
        "id": webhook.id,
        "url": webhook.url,
        "cohorts": list(webhook.cohorts),
        "paused": webhook.is_paused,
        "author": webhook.author,
        "created_at": format_instant(webhook.created_ms),
        "standing": {
            "cursor": standing.cursor,
            "taken": standing.taken,
            "open": standing.open,
            "failures": standing.failures,
            "dead_letters": standing.dead,
            "suspended": standing.suspended,
            "lost": [
                {"why": one.why.value, "first": one.first, "last": one.last}
                for one in standing.lost
            ],
        },
    }


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.delivery.id,
        "place": letter.place,
        "attempts": letter.attempts,
        "given_up_at": format_instant(letter.given_up_ms),
        "why": letter.why,
        "wanted_again": letter.is_wanted,
        "changes": [told_change(one) for one in letter.delivery.changes],
    }
