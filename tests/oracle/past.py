"""The plain twin of what changes the past: voided ids, edges, erased accounts, and events as they are after all that.

Whoever is one learner is found by giving every account the least of what its neighbours have, until nothing changes.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Past", "Said"]


@dataclass(frozen=True)
class Said:
    """A consent or a restriction: of an account, for a purpose (empty for all), and what it takes the place of."""

    id: Any
    account: Any
    purpose: str
    refuses: bool
    supersedes: tuple[Any, ...] = ()


@dataclass
class Past:
    """What was taken back and what was joined.

    ``key_of`` gives the key of an account, by which the least one is found; ``account_field`` is the name of an event's
    account.
    """

    key_of: Callable[[Any], Any]
    account_field: str = "account"
    voided: set[str] = field(default_factory=set)
    edges: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    taken_back: set[int] = field(default_factory=set)
    erased: set[Any] = field(default_factory=set)
    consents: list["Said"] = field(default_factory=list)
    is_consent_needed: bool = False

    def void(self, ids: Iterable[str]) -> None:
        self.voided |= set(ids)

    def merge(self, edge_id: int, one: Any, other: Any) -> None:
        self.edges[edge_id] = (one, other)

    def unmerge(self, one: Any, other: Any) -> None:
        self.taken_back |= {
            edge_id for edge_id, pair in self.edges.items() if set(pair) == {one, other}
        }

    def names(self) -> dict[Any, Any]:
        """Return what each account that has an edge goes under."""
        live = [pair for edge_id, pair in self.edges.items() if edge_id not in self.taken_back]
        least = {account: account for pair in self.edges.values() for account in pair}
        while True:
            before = dict(least)
            for one, other in live:
                lower = min(least[one], least[other], key=self._order)
                least[one] = least[other] = lower
            if least == before:
                return least

    def _order(self, account: Any) -> Any:
        """Nothing goes under an erased account, if there is another."""
        return account in self.erased, self.key_of(account)

    def remaining(self, events: Iterable[Any]) -> list[Any]:
        """Return the events that are not voided, erased or withheld, each under the account that its own goes under."""
        names, withheld = self.names(), self.withheld()
        return [
            dataclasses.replace(event, **{self.account_field: names.get(account, account)})
            for event in events
            if event.id is None or event.id not in self.voided
            for account in (getattr(event, self.account_field),)
            if account not in self.erased and not withheld(account)
        ]

    def withheld(self) -> Callable[[Any], bool]:
        """Return what says of an account whether its learner is kept and in no answer."""
        names = self.names()
        gone = {(old, one.account) for one in self.consents for old in one.supersedes}
        standing = [
            one
            for one in self.consents
            if (one.id, one.account) not in gone and one.account not in self.erased
        ]

        def is_withheld(account: Any) -> bool:
            learner = names.get(account, account)
            mine = [one for one in standing if names.get(one.account, one.account) == learner]
            refused = any(one.refuses and one.purpose in ("", "analytics") for one in mine)
            given = any(not one.refuses and one.purpose == "analytics" for one in mine)
            return refused or (self.is_consent_needed and not given)

        return is_withheld
