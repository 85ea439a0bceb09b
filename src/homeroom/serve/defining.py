"""Definitions over HTTP: cohorts, and the lists and calendars that they name, read, put and deleted.

Each has versions. A client that read version 3 says so when it writes (``If-Match: "3"``), and hears if somebody was
quicker (RFC 9110, 13.1.1); one that says nothing takes the place of whatever there is. Nothing is forgotten: the
history of a definition names who wrote what, and when.
"""

from collections.abc import Mapping
from typing import Any, Final

from homeroom import limits
from homeroom.cohorts.questions.rule_parsing import parse_rule
from homeroom.cohorts.questions.rule_words import in_words
from homeroom.errors import ControlError, QuestionError
from homeroom.events.instants import format_instant
from homeroom.log.control import (
    Control,
    DefinitionDeleted,
    DefinitionKind,
    DefinitionPut,
    Scope,
    Version,
)
from homeroom.log.origins import Token
from homeroom.serve.access import Caller
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError, scrubbed

__all__ = ["KINDS", "deleted", "etag", "history", "listed", "one", "put"]

KINDS: Final[Mapping[str, DefinitionKind]] = {f"{kind}s": kind for kind in DefinitionKind}
"""By how a path names it the kind of a definition."""
_NEVER: Final = ("version", "file")
_WORDS: Final = ("did", "all", "any", "not", "cohort", "list", "members", "start", "end")


def listed(control: Control, caller: Caller, kind: DefinitionKind) -> dict[str, Any]:
    """Return the definitions of a kind. Raises `ProblemError` for a caller that may not see them."""
    _may_read(caller, kind)
    current = control.definitions(caller.tenant, kind)
    return {f"{kind}s": [_said(kind, name, version) for name, version in current.items()]}


def one(control: Control, caller: Caller, kind: DefinitionKind, name: str) -> dict[str, Any]:
    """Return a definition. Raises `ProblemError`."""
    _may_read(caller, kind)
    return _said(kind, name, _current(control, caller, kind, name))


def history(control: Control, caller: Caller, kind: DefinitionKind, name: str) -> dict[str, Any]:
    """Return all versions of a definition, the newest first. Raises `ProblemError`."""
    _may_read(caller, kind)
    versions = control.history(caller.tenant, kind, name)
    if not versions:
        raise _not_found(kind)
    return {"name": name, "versions": [_version(one) for one in reversed(versions)]}


async def put(
    interface: Interface,
    caller: Caller,
    place: tuple[DefinitionKind, str],
    written: dict[str, Any],
    follows: int | None,
) -> tuple[dict[str, Any], Token]:
    """State a definition; return it, and a token of when. Raises `ProblemError`."""
    kind, name = place
    _may_write(caller, kind)
    for field in _NEVER:
        if field in written:
            raise ProblemError(
                "bad-definition",
                f"{field} is not for a definition that is put: versions are counted here",
                {"field": field},
            )
    fact = DefinitionPut(
        tenant=caller.tenant, kind=kind, name=name, written=written, follows=follows
    )
    token = await _changed(interface, caller, fact, written)
    current = _current(interface.serving.control(), caller, kind, name)
    return _said(kind, name, current), token


async def deleted(
    interface: Interface,
    caller: Caller,
    place: tuple[DefinitionKind, str],
    follows: int | None,
) -> Token:
    """Delete a definition; return a token of when. Raises `ProblemError`."""
    kind, name = place
    _may_write(caller, kind)
    _current(interface.serving.control(), caller, kind, name)
    fact = DefinitionDeleted(tenant=caller.tenant, kind=kind, name=name, follows=follows)
    return await _changed(interface, caller, fact, {})


async def _changed(
    interface: Interface,
    caller: Caller,
    fact: DefinitionPut | DefinitionDeleted,
    written: Mapping[str, Any],
) -> Token:
    action = "put" if isinstance(fact, DefinitionPut) else "deleted"
    try:
        # A name that is refused may be anything, of any length: it is not written down.
        interface.serving.control().check(fact)
        await interface.write_down(caller, f"{fact.kind}.{action}", {"name": fact.name})
        return await interface.serving.change(fact, caller.name)
    except (ControlError, QuestionError) as error:
        names = [fact.name, fact.name[: limits.NAME_CHARACTERS_MAX]]  # a long one is quoted in part
        detail = scrubbed(str(error), [written, names], _WORDS)
        raise ProblemError(_problem(fact, str(error)), detail) from None


def _problem(fact: DefinitionPut | DefinitionDeleted, message: str) -> str:
    """Return which problem it is that a change is refused."""
    if "the change was made to version" in message:
        return "precondition-failed"
    # What is deleted is well-formed: if it is refused, others need it.
    is_full = "are allowed" in message
    return "conflict" if is_full or isinstance(fact, DefinitionDeleted) else "bad-definition"


def _may_read(caller: Caller, kind: DefinitionKind) -> None:
    caller.need(Scope.READ, Scope.ADMIN, Scope.PERSONS)
    caller.need_all_courses("definitions are about")
    if kind is DefinitionKind.LIST:
        caller.need(Scope.PERSONS)


def _may_write(caller: Caller, kind: DefinitionKind) -> None:
    caller.need(Scope.ADMIN)
    _may_read(caller, kind)


def _current(control: Control, caller: Caller, kind: DefinitionKind, name: str) -> Version:
    current = control.definitions(caller.tenant, kind).get(name)
    if current is None:
        raise _not_found(kind)
    return current


def _not_found(kind: DefinitionKind) -> ProblemError:
    return ProblemError("not-found", f"there is no {kind} of this name; GET /v1/{kind}s lists them")


def _said(kind: DefinitionKind, name: str, version: Version) -> dict[str, Any]:
    said = {"name": name, **_version(version)}
    if kind is DefinitionKind.COHORT and version.written is not None:
        rule = {key: value for key, value in version.written.items() if key != "about"}
        said["in_words"] = f"learners who {in_words(parse_rule(rule, name))}"
    return said


def _version(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "definition": version.written,
        "author": version.author,
        "at": format_instant(version.at_ms),
        "epoch": version.epoch,
    }


def etag(said: Mapping[str, Any]) -> str:
    """Return the entity tag of a definition: its version."""
    return f'"{said["version"]}"'
