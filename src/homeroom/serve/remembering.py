"""Questions over HTTP as a cache knows them: what makes an answer, as parts of a name, and how far it may go.

Whatever decides what somebody is told is a part: the tenant, what the key may see (scopes, course runs,
organisations), the question as it was written, the definitions that it names, and the bound for small counts. If one of
these changes the name is another, and what was kept under the old one is found by nobody.

Which of two keys asks is no part: keys that may see the same are told the same. That somebody looks at a person is
written down before anything is looked up (`homeroom.serve.asking`), however the answer is found.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from homeroom import limits
from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.live import Shows, ToldAnswer, Wanted
from homeroom.cohorts.questions import Question
from homeroom.log.control import Control, DefinitionKind, Scope
from homeroom.serve.access import Caller
from homeroom.traffic.caching.keys import Reach

__all__ = ["Asking", "Definitions", "Remembering", "parts_of", "reach_of"]

_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question as a cache is asked it.

    Parameters
    ----------
    tenant, question, shows, tell : see `homeroom.serve.serving.Serving.ask`
    frame : says how far all data are known and what was read, as ``tell`` says it at its end
    wanted : what the answer must hold
    parts : what makes it another answer, beside the entries that it is computed from
    reach : how far it may be kept
    """

    tenant: str
    question: Question
    wanted: Wanted
    shows: Shows
    tell: Callable[[Answer], bytes]
    frame: Callable[[str | None, Source], bytes]
    parts: tuple[bytes, ...]
    reach: Reach


class Remembering(Protocol):
    """A cache before a node."""

    async def ask(self, asking: Asking) -> ToldAnswer:
        """Answer a question. Raises as `homeroom.serve.serving.Serving.ask` does."""


class Definitions:
    """Digests of the definitions that tenants have, made anew where something was stated."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Control, bytes]] = {}

    def of(self, control: Control, tenant: str) -> bytes:
        """Return what is equal where the same is defined."""
        made = self._made.get(tenant)
        if made is None or made[0] is not control:
            said = {
                kind.value: {
                    name: (version.number, version.written)
                    for name, version in control.definitions(tenant, kind).items()
                }
                for kind in DefinitionKind
            }
            made = self._made[tenant] = control, hashlib.blake2b(_encode(said)).digest()
        return made[1]


def parts_of(
    caller: Caller, written: Mapping[str, Any], control: Control, defined: bytes
) -> tuple[bytes, ...]:
    """Return what makes an answer another one: of the caller, of the question, and of what is stated."""
    tenant = control.tenants.get(caller.tenant)
    bound = limits.SUPPRESS_BELOW if tenant is None else tenant.suppress_below
    # Of what a key may do, this alone decides what it is told.
    scopes = caller.scopes & {Scope.READ, Scope.AGGREGATE, Scope.PERSONS, Scope.LABELS}
    seen = (sorted(scopes), caller.courses, caller.organisations, bound)
    return (caller.tenant.encode(), _encode(seen), _encode(written), defined)


def reach_of(caller: Caller, control: Control) -> Reach:
    """Return how far what a caller is told may be kept: who is who, and what is pinned, stays in its jurisdiction."""
    tenant = control.tenants.get(caller.tenant)
    is_pinned = tenant is None or bool(tenant.regions or tenant.jurisdiction)
    if is_pinned or caller.scopes & {Scope.PERSONS, Scope.LABELS}:
        return Reach.JURISDICTION
    return Reach.WORLD
