"""Which entries said anything of a tenant: by these it is known whether an answer that was kept is still the engine's.

An entry names the tenants that it says something of; all other entries leave their answers as they are. What was
stated of one tenant touches that one, and what was stated of the world all of them, since it decides how events count
and what is shown. But where audit logs end, which is stated all the time, who has a key, who signs in and who is told
of changes say nothing of any answer: a key is looked at before each question, and what its scope shows is part of an
answer's name.

What events are about is noted by part (`homeroom.node.touched_parts`): answers that depend on one course run or learner
are left as they are by events of others. Whatever is no event touches all parts.

Some entries let less be seen than before: erasures, voids, consents, and what was stated. What was computed without
them must not be told any more, also to those who take older answers: these are the floor.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from homeroom.log.control import AuditAnchored, Change, KeyCreated, KeyRevoked, TenantPut
from homeroom.log.origins import Origin, Vector
from homeroom.log.users import UserFact
from homeroom.log.webhooks import WebhookFact
from homeroom.node.touched_parts import PartRead, TouchedParts, Written

__all__ = ["ALL_TENANTS", "Touch", "Touches", "answers_touched"]

ALL_TENANTS: Final = ""
"""Stands for all tenants: none is called so."""
_OF_NO_ANSWER: Final = (AuditAnchored, KeyCreated, KeyRevoked, UserFact, WebhookFact)


class Touch(NamedTuple):
    """By origin the last entry that said something of a tenant, and the last after which less may be seen of it."""

    touched: Vector
    floor: Vector


class Touches:
    """What touched which tenant; the thread that folds writes, any may ask.

    Parameters
    ----------
    began : what had been folded when this began: all of that counts as having touched every tenant
    """

    def __init__(self, began: Vector) -> None:
        self._all = Touch(began, began)
        # Each value is exchanged whole.
        self._of: dict[str, Touch] = {}
        self._parts: dict[str, TouchedParts] = {}

    def of(self, tenant: str) -> Touch:
        """Return what touched a tenant."""
        return self._of.get(tenant, self._all)

    def part_of(self, tenant: str, part: PartRead) -> Vector:
        """Return what touched a part of a tenant, or more."""
        parts = self._parts.get(tenant)
        return self.of(tenant).touched if parts is None else parts.of(part)

    def events(
        self, tenant: str, came: Iterable[tuple[Origin, int]], written: Iterable[Written]
    ) -> None:
        """Take entries that said something of a tenant, and took nothing away; ``written`` are all of their events."""
        before, floor = self.of(tenant)
        touched = before.joined(_last(came))
        self._of[tenant] = Touch(touched, floor)
        if tenant not in self._parts:
            self._parts[tenant] = TouchedParts(before)
        self._parts[tenant].events(touched, written)

    def removals(self, tenant: str, came: Iterable[tuple[Origin, int]]) -> None:
        """Take entries after which less may be seen of a tenant."""
        last = _last(came)
        touched, floor = self.of(tenant)
        self._of[tenant] = now = Touch(touched.joined(last), floor.joined(last))
        if tenant in self._parts:
            self._parts[tenant].all(now.touched)

    def stated(self, tenant: str, came: Iterable[tuple[Origin, int]]) -> None:
        """Take entries that stated something of a tenant's answers, or of those of `ALL_TENANTS`."""
        if tenant != ALL_TENANTS:
            self.removals(tenant, came)
            return
        last = _last(came)
        self._all = Touch(self._all.touched.joined(last), self._all.floor.joined(last))
        for one in self._of:
            self.removals(one, last.items())


def answers_touched(changes: Iterable[Change]) -> frozenset[str]:
    """Return the tenants of which answers can be other ones by what was stated; `ALL_TENANTS` among them for all."""
    facts = [one.fact for one in changes if not isinstance(one.fact, _OF_NO_ANSWER)]
    return frozenset(
        fact.name if isinstance(fact, TenantPut) else getattr(fact, "tenant", ALL_TENANTS)
        for fact in facts
    )


def _last(came: Iterable[tuple[Origin, int]]) -> Vector:
    numbers: dict[Origin, int] = {}
    for origin, number in came:
        numbers[origin] = max(number, numbers.get(origin, 0))
    return Vector(numbers)
