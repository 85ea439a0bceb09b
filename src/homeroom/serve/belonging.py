"""Who is in which cohort, over HTTP: what the node keeps of it, read and never computed.

Questions (`homeroom.serve.asking`) compute an answer as of any day, with reasons. Here what is kept is handed out as it
stands now: sizes of all cohorts in one answer, members page by page, changes after a number, the cohorts of one
learner. So nobody has to ask about a hundred cohorts one after the other, and a platform that asks for one learner at
each page view waits for no evaluation.

A page of members goes on at a row of what is kept. Rows never move while a node runs, but another start gives out
others, and another version of a definition has other members: the cursor says of which start and version it is, and is
refused (409) for others, for two halves that do not belong together would look like a whole.

All of it is about cohorts as they are defined, so a key that sees only some course runs gets none of it, as with
questions of that kind (`homeroom.serve.scoping`). A key that sees only numbers without small counts gets the sizes,
without those that are small or leave a small rest.
"""

import re
import secrets
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from homeroom import limits
from homeroom.cohorts.answers.belonging import SUPPRESSED, shown_counts
from homeroom.cohorts.membership.changes import Change
from homeroom.cohorts.membership.reading import CohortNow, CohortsNow, LearnerNow, MembersPage
from homeroom.errors import NotYetError, QuestionError
from homeroom.events.instants import format_instant
from homeroom.log.control import DefinitionKind, Scope
from homeroom.serve.access import Caller
from homeroom.serve.asking import token_of
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError
from homeroom.serve.requests import (
    Asked,
    after_header,
    after_of,
    caller_of,
    json_answer,
    whole_of,
)

__all__ = ["COUNT", "membership_routes", "told_change"]

COUNT: Final = 1_000
"""Members, changes or dead letters of a page, where nothing else is asked for."""
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{32}")
_CURSOR: Final = re.compile(r"(\d{1,12})-([0-9a-f]{8})-(\d{1,12})", re.ASCII)


def membership_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the handlers of what is kept of memberships."""
    life = secrets.token_hex(4)

    @get("/v1/membership")
    async def sizes(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        return json_answer(await _sizes(interface, caller, after_of(request)))

    @get("/v1/cohorts/{name:str}/members")
    async def members(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        _persons(caller)
        count = whole_of(request, "count", COUNT, (1, limits.MEMBERS_READ_MAX))
        place = (request.path_params["name"], request.query_params.get("cursor"), life)
        return json_answer(await _members(interface, caller, place, (count, after_of(request))))

    @get("/v1/cohorts/{name:str}/changes")
    async def changes(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        _persons(caller)
        count = whole_of(request, "count", limits.CHANGES_TOLD_MAX, (1, limits.CHANGES_TOLD_MAX))
        after = whole_of(request, "after", 0, (0, limits.JSON_WHOLE_MAX))
        place = (request.path_params["name"], after, after_header(request))
        return json_answer(await _changes(interface, caller, place, count))

    @get("/v1/learners/{pseudonym:str}/cohorts")
    async def learner(request: Asked) -> Response[bytes]:
        caller = await caller_of(interface, request)
        _persons(caller)
        pseudonym = request.path_params["pseudonym"].lower()
        return json_answer(await _learner(interface, caller, pseudonym, after_of(request)))

    return [sizes, members, changes, learner]


# --- who may ----------------------------------------------------------------------------------------------------------


def _persons(caller: Caller) -> None:
    """Raise `ProblemError` for a caller that may not see who is in a cohort."""
    caller.need(Scope.PERSONS)
    _refuse_limited(caller)


def _refuse_limited(caller: Caller) -> None:
    if caller.is_limited:
        raise ProblemError(
            "not-allowed", "cohorts are about all course runs, and this key sees only some"
        )


def _must_be_defined(interface: Interface, caller: Caller, cohort: str) -> None:
    if cohort not in interface.serving.control().definitions(caller.tenant, DefinitionKind.COHORT):
        raise ProblemError(
            "not-found", "there is no cohort of this name; GET /v1/cohorts lists them"
        )


def _later(why: str) -> ProblemError:
    return ProblemError("not-yet", f"{why}; ask again", headers={"Retry-After": "1"})


_NOBODY_ASKED: Final = "the node has just begun to keep memberships"


# --- sizes ------------------------------------------------------------------------------------------------------------


async def _sizes(interface: Interface, caller: Caller, after: str | None) -> dict[str, Any]:
    caller.need(Scope.READ, Scope.AGGREGATE, Scope.PERSONS)
    _refuse_limited(caller)
    try:
        now = await interface.serving.cohorts(caller.tenant, token_of(after))
    except QuestionError:
        raise _later(_NOBODY_ASKED) from None
    is_free = not caller.scopes.isdisjoint({Scope.READ, Scope.PERSONS})
    told = _free(now.cohorts) if is_free else _suppressed(now, _bound(interface, caller))
    said = {
        "cohorts": told,
        "learners": now.learners if is_free else None,
        "counted": now.is_counted,
        **_as_of(now),
    }
    if Scope.PERSONS in caller.scopes:
        said["last_change"] = now.last_change
    return said


def _bound(interface: Interface, caller: Caller) -> int:
    tenant = interface.serving.control().tenants.get(caller.tenant)
    return limits.SUPPRESS_BELOW if tenant is None else tenant.suppress_below


def _free(cohorts: Sequence[CohortNow]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "version": one.version, "size": one.size, "problem": one.problem}
        for one in cohorts
    ]


def _suppressed(now: CohortsNow, bound: int) -> list[dict[str, Any]]:
    """Return sizes without those that tell of few; why a cohort cannot be asked about names values, and is left out."""
    sizes = np.array([one.size for one in now.cohorts], np.int64)
    # What came since the sizes were read may have made more learners, and never fewer than are in a cohort.
    shown = shown_counts(sizes, max([now.learners, *sizes.tolist()]), bound)
    shown = np.where(shown == SUPPRESSED, shown, shown - shown % max(bound, 1))
    return [
        {
            "name": one.name,
            "version": one.version,
            "size": None if size == SUPPRESSED else size,
            "problem": None,
        }
        for one, size in zip(now.cohorts, shown.tolist(), strict=True)
    ]


def _as_of(now: CohortsNow | MembersPage | LearnerNow) -> dict[str, Any]:
    return {
        "date": None if now.date is None else now.date.isoformat(),
        "as_of": format_instant(now.moment.now_ms),
        "vector": now.moment.applied.to_json(),
    }


# --- members ----------------------------------------------------------------------------------------------------------


async def _members(
    interface: Interface,
    caller: Caller,
    place: tuple[str, str | None, str],
    wanted: tuple[int, str | None],
) -> dict[str, Any]:
    """Return a page of members.

    ``place`` is the cohort, the cursor that was given and the start of the node; ``wanted`` how many, and the token.
    """
    cohort, written, life = place
    count, after = wanted[0], token_of(wanted[1])
    version, row = _cursor(written, life)
    _must_be_defined(interface, caller, cohort)
    await interface.write_down(caller, "members", {"cohort": cohort})
    try:
        page = await interface.serving.members(caller.tenant, cohort, row, count, after)
    except NotYetError:
        raise _later(
            "the entry that the answer must be after has not come, or all learners are being asked about this cohort"
        ) from None
    except QuestionError:  # it was deleted meanwhile, or nobody has been asked
        _must_be_defined(interface, caller, cohort)
        raise _later(_NOBODY_ASKED) from None
    if version not in (None, page.cohort.version):
        raise _other_pages()
    following = page.cursor
    return {
        "cohort": cohort,
        "version": page.cohort.version,
        "size": page.cohort.size,
        "problem": page.cohort.problem,
        "members": page.members,
        "cursor": None if following is None else f"{page.cohort.version}-{life}-{following}",
        "last_change": page.last_change,
        **_as_of(page),
    }


def _cursor(written: str | None, life: str) -> tuple[int | None, int]:
    """Return of which version a cursor is, and the row; None and 0 without one."""
    if written is None:
        return None, 0
    found = _CURSOR.fullmatch(written)
    if found is None:
        raise ProblemError(
            "bad-request",
            "cursor is none; it must be one that a page gave, or left out",
            {"field": "cursor"},
        )
    if found[2] != life:
        raise _other_pages()
    return int(found[1]), int(found[3])


def _other_pages() -> ProblemError:
    return ProblemError(
        "conflict",
        "the cursor is of pages before the node started or the cohort was defined anew; begin again without one",
        {"field": "cursor"},
    )


# --- changes ----------------------------------------------------------------------------------------------------------


async def _changes(
    interface: Interface, caller: Caller, place: tuple[str, int, str | None], count: int
) -> dict[str, Any]:
    """Return a page of changes; ``place`` is the cohort, the number before the first one, and the token."""
    (cohort, number, _), after = place, token_of(place[2])
    _must_be_defined(interface, caller, cohort)
    await interface.write_down(caller, "changes", {"cohort": cohort})
    try:
        if after is not None:
            await interface.serving.cohorts(caller.tenant, after)
        page = interface.serving.changes(caller.tenant, number, count, cohort)
    except QuestionError:
        raise _later(_NOBODY_ASKED) from None
    return {
        "cohort": cohort,
        "changes": [told_change(one) for one in page.changes],
        "last": page.last,
        "more": page.more,
        "missed": page.missed,
    }


def told_change(one: Change) -> dict[str, Any]:
    """Return a change in the words in which all who hear of it are told: routes, streams and webhooks.

    Those of webhooks stand in `homeroom.hooks.messages`.
    """
    return {
        "number": one.number,
        "cohort": one.cohort,
        "version": one.version,
        "learner": one.learner,
        "change": "entered" if one.entered else "left",
        "at": format_instant(one.at_ms),
        "cause": one.cause.value,
    }


# --- one learner ------------------------------------------------------------------------------------------------------


async def _learner(
    interface: Interface, caller: Caller, pseudonym: str, after: str | None
) -> dict[str, Any]:
    token = token_of(after)
    if _PSEUDONYM.fullmatch(pseudonym) is None:
        raise ProblemError(
            "bad-request",
            "the path holds no pseudonym; one has 32 hexadecimal digits",
            {"field": "pseudonym"},
        )
    await interface.write_down(caller, "learner", {"learner": pseudonym})
    try:
        now = await interface.serving.cohorts_of(caller.tenant, pseudonym, token)
    except QuestionError:
        raise _later(_NOBODY_ASKED) from None
    return {
        "learner": pseudonym,
        "cohorts": [{"name": name, "version": version} for name, version in now.cohorts],
        **_as_of(now),
    }
