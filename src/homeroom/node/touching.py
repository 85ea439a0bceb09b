"""Which entries said anything of a tenant: by these it is known whether an answer that was kept is still the engine's.

An entry names the tenants that it says something of; all other entries leave their answers as they are. What was
stated touches all tenants, since it decides how events count and what is shown; but where audit logs end, which is
stated all the time, and who has a key say nothing of any answer: a key is looked at before each question, and what its
scope shows is part of an answer's name.

Some entries let less be seen than before: erasures, voids, consents, and what was stated. What was computed without
them must not be told any more, also to those who take older answers: these are the floor.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from homeroom.log.control import AuditAnchored, Change, KeyCreated, KeyRevoked
from homeroom.log.origins import Origin, Vector

__all__ = ["Touch", "Touches", "says_of_answers"]


_OF_NO_ANSWER: Final = (AuditAnchored, KeyCreated, KeyRevoked)


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

    def of(self, tenant: str) -> Touch:
        """Return what touched a tenant."""
        return self._of.get(tenant, self._all)

    def events(self, tenant: str, came: Iterable[tuple[Origin, int]]) -> None:
        """Take entries that said something of a tenant, and took nothing away."""
        touched, floor = self.of(tenant)
        self._of[tenant] = Touch(touched.joined(_last(came)), floor)

    def removals(self, tenant: str, came: Iterable[tuple[Origin, int]]) -> None:
        """Take entries after which less may be seen of a tenant."""
        last = _last(came)
        touched, floor = self.of(tenant)
        self._of[tenant] = Touch(touched.joined(last), floor.joined(last))

    def stated(self, came: Iterable[tuple[Origin, int]]) -> None:
        """Take entries that stated something of answers."""
        last = _last(came)
        self._all = Touch(self._all.touched.joined(last), self._all.floor.joined(last))
        for tenant in self._of:
            self.removals(tenant, last.items())


def says_of_answers(changes: Iterable[Change]) -> bool:
    """Say whether what was stated can make any answer another one."""
    return any(not isinstance(one.fact, _OF_NO_ANSWER) for one in changes)


def _last(came: Iterable[tuple[Origin, int]]) -> Vector:
    numbers: dict[Origin, int] = {}
    for origin, number in came:
        numbers[origin] = max(number, numbers.get(origin, 0))
    return Vector(numbers)
