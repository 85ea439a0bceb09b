"""Facts about the rights of persons: what needs consent, and which requests are open. Nothing here names anybody.

A request of a person has a deadline: one month (GDPR, article 12, 3), which may be made longer once, by two further
months, if the person is told. Whoever answers for that needs a list that does not forget; so requests are facts of the
control stream, which every node knows and no restore loses. A request has an id, a kind and days. Whom it is about is
known to those who received it, and stands in their files: the control stream goes to all regions and stays for ever.

Purposes are a tenant's own list. Analytics is always one of them, since answers are for that; whether it needs consent
is for the tenant to say, and decides whether who has said nothing is in answers.

The way not taken is a table of tickets with the person's name in it: a second store of personal data, kept longer than
the first.
"""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import ControlError, InputError
from homeroom.log.consents import ANALYTICS, Need, check_purpose

__all__ = [
    "PURPOSES",
    "Compliance",
    "ComplianceFact",
    "Outcome",
    "PurposesPut",
    "Reason",
    "Request",
    "RequestClosed",
    "RequestExtended",
    "RequestKind",
    "RequestReceived",
    "check_compliance",
    "due_day",
    "folded_compliance",
]

PURPOSES: Final[Mapping[str, Need]] = MappingProxyType(
    {ANALYTICS: Need.NOTHING, "personalisation": Need.CONSENT, "research": Need.CONSENT}
)
"""The purposes of a tenant that has stated none."""
_ID: Final = re.compile(r"[0-9a-f]{16}")


class RequestKind(StrEnum):
    """What a person asks for; behind each the article of the GDPR."""

    ACCESS = "access"  # 15
    RECTIFICATION = "rectification"  # 16
    ERASURE = "erasure"  # 17
    RESTRICTION = "restriction"  # 18
    PORTABILITY = "portability"  # 20
    OBJECTION = "objection"  # 21


class Reason(StrEnum):
    """Why data of a person are put right. A code, since a text would name somebody sooner or later."""

    INACCURATE = "inaccurate"
    INCOMPLETE = "incomplete"
    NOT_THEIRS = "not-theirs"


class Outcome(StrEnum):
    """What came of a request."""

    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class PurposesPut(msgspec.Struct, frozen=True, kw_only=True, tag="purposes"):
    """The purposes of a tenant are these from now on, and this is what each needs."""

    tenant: str
    purposes: dict[str, Need]


class RequestReceived(msgspec.Struct, frozen=True, kw_only=True, tag="request"):
    """A person has asked for something.

    Parameters
    ----------
    tenant : whose person
    id : 16 hexadecimal digits, drawn at random: it must name nobody
    kind : what for
    received : ISO date
    """

    tenant: str
    id: str
    kind: RequestKind
    received: str


class RequestExtended(msgspec.Struct, frozen=True, kw_only=True, tag="request-extended"):
    """A request is due two months later, and the person was told so. Once."""

    tenant: str
    id: str


class RequestClosed(msgspec.Struct, frozen=True, kw_only=True, tag="request-closed"):
    """A request is answered: what came of it, and on which day (ISO date)."""

    tenant: str
    id: str
    outcome: Outcome
    closed: str


ComplianceFact: TypeAlias = PurposesPut | RequestReceived | RequestExtended | RequestClosed


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it is now; ``outcome`` and ``closed`` are None while it is open."""

    id: str
    kind: RequestKind
    received: str
    due: str
    extended: bool = False
    outcome: Outcome | None = None
    closed: str | None = None

    def is_overdue(self, today: str) -> bool:
        """Say whether it should have been answered by an ISO date, and is not."""
        return self.outcome is None and today > self.due

    def to_json(self, today: str) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "received": self.received,
            "due": self.due,
            "extended": self.extended,
            "state": "open" if self.outcome is None else self.outcome.value,
            "closed": self.closed,
            "is_overdue": self.is_overdue(today),
        }


@dataclass(frozen=True)
class Compliance:
    """What was stated of one tenant: its purposes, and the requests of its persons by id, the oldest first."""

    purposes: Mapping[str, Need] = field(default_factory=lambda: PURPOSES)
    requests: Mapping[str, Request] = field(default_factory=dict)


def due_day(received: str, months: int = 1) -> str:
    """Return the day some months after an ISO date: the same of its month, or that month's last.

    Source: Regulation (EEC, Euratom) 1182/71, article 3, 2 (c).
    """
    day = date.fromisoformat(received)
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last)).isoformat()


def check_compliance(known: Compliance, fact: ComplianceFact) -> None:
    """Raise `ControlError` for a fact that makes no sense here."""
    if isinstance(fact, PurposesPut):
        _check_purposes(fact)
        return
    if isinstance(fact, RequestReceived):
        _check_received(known, fact)
        return
    request = known.requests.get(fact.id)
    if request is None:
        raise ControlError(f"there is no request {fact.id[:32]!r}; homeroom requests lists them")
    if request.outcome is not None:
        raise ControlError(f"request {fact.id} was closed on {request.closed} already")
    if isinstance(fact, RequestExtended):
        if request.extended:
            raise ControlError(f"request {fact.id} was extended already, until {request.due}")
    elif _day(fact.closed) < request.received:
        raise ControlError(
            f"request {fact.id} was received on {request.received}, after {fact.closed}"
        )


def _check_purposes(fact: PurposesPut) -> None:
    if ANALYTICS not in fact.purposes:
        raise ControlError(f"the purposes must have {ANALYTICS!r} among them: answers are for that")
    if len(fact.purposes) > limits.SUPERSEDED_MAX:
        raise ControlError(
            f"there would be {len(fact.purposes):,} purposes, at most {limits.SUPERSEDED_MAX:,} are allowed"
        )
    for purpose in fact.purposes:
        try:
            check_purpose(purpose)
        except InputError as error:
            raise ControlError(str(error)) from None


def _check_received(known: Compliance, fact: RequestReceived) -> None:
    _day(fact.received)
    if not _ID.fullmatch(fact.id):
        raise ControlError("the id of a request must be 16 hexadecimal digits, and name nobody")
    if fact.id in known.requests:
        raise ControlError(f"there is a request {fact.id} already; draw another id")
    if len(known.requests) >= limits.REQUESTS_MAX:
        raise ControlError(f"there are {len(known.requests):,} requests, and no more are allowed")


def _day(written: str) -> str:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise ControlError(f"{written[:32]!r} is no day; write it like 2026-11-27") from None
    if not date(1970, 1, 1) <= day < date(9000, 1, 1):
        raise ControlError(f"{written} is no day on which anything was received or answered")
    return day.isoformat()


def folded_compliance(known: Compliance, fact: ComplianceFact) -> Compliance:
    """Return what was stated of a tenant after one more fact; one that makes no sense says nothing."""
    try:
        check_compliance(known, fact)
    except ControlError:
        return known
    if isinstance(fact, PurposesPut):
        return replace(known, purposes=MappingProxyType(dict(fact.purposes)))
    return replace(known, requests={**known.requests, fact.id: _after(known, fact)})


def _after(known: Compliance, fact: RequestReceived | RequestExtended | RequestClosed) -> Request:
    if isinstance(fact, RequestReceived):
        received = _day(fact.received)
        return Request(id=fact.id, kind=fact.kind, received=received, due=due_day(received))
    before = known.requests[fact.id]
    if isinstance(fact, RequestExtended):
        return replace(before, extended=True, due=due_day(before.received, 3))
    return replace(before, outcome=fact.outcome, closed=_day(fact.closed))
