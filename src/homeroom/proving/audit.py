"""Whether every acknowledged event is counted in every region, and once.

Batches have days and learners of their own, so that one question by day shows what became of each: a region that
counts fewer learners on a day has lost some, one that counts more has what nobody sent. That nothing is counted twice
is seen where the number of events is that of the different events that were sent. Answers of regions must be equal too,
which follows for what is compared here, and is asked of the fingerprints of their whole states besides.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Audit", "Ledger", "audited"]


@dataclass(slots=True)
class Ledger:
    """What was sent: by batch the day of its events and how many learners it has, and which were acknowledged.

    A batch that was not acknowledged may have been taken all the same; it is sent again at the end, under its ids.
    """

    sent: dict[str, tuple[str, int]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)

    def send(self, batch: str, day: str, learners: int) -> None:
        """Note a batch that is about to be sent. Each of its learners has one event, and is in no other batch."""
        self.sent[batch] = day, learners

    def acknowledge(self, batch: str) -> None:
        """Note that a node has said yes to it."""
        assert batch in self.sent, "what is acknowledged was sent"
        self.acknowledged.add(batch)

    def unknown(self) -> list[str]:
        """Return batches of which nothing is known."""
        return [one for one in self.sent if one not in self.acknowledged]

    def by_day(self, batches: Collection[str]) -> dict[str, int]:
        """Return how many learners these batches make active on each day."""
        found: Counter[str] = Counter()
        for one in batches:
            day, learners = self.sent[one]
            found[day] += learners
        return dict(found)

    @property
    def events(self) -> int:
        """How many different events were sent."""
        return sum(learners for _, learners in self.sent.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What came of it.

    Parameters
    ----------
    events : different events that were acknowledged at the end
    lost : by region how many of them it does not count
    surplus : by region how many it counts that nobody sent, or twice
    unheard : regions that did not answer
    disagreeing : regions that found another state than the others, by their fingerprints
    """

    events: int
    lost: Mapping[str, int]
    surplus: Mapping[str, int]
    unheard: tuple[str, ...] = ()
    disagreeing: tuple[str, ...] = ()

    @property
    def wrong(self) -> int:
        """Events that some region does not count exactly once, over all regions; all of them for one that is silent."""
        silent = self.events * len(self.unheard)
        return sum(self.lost.values()) + sum(self.surplus.values()) + silent

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "events": self.events,
            "lost": dict(self.lost),
            "surplus": dict(self.surplus),
            "unheard": list(self.unheard),
            "disagreeing": list(self.disagreeing),
        }


def audited(
    expected: Mapping[str, int],
    found: Mapping[str, tuple[Mapping[str, int], int] | None],
    disagreeing: Iterable[str] = (),
) -> Audit:
    """Compare what regions answer with what was acknowledged.

    Parameters
    ----------
    expected : by day how many learners were active
    found : by region the same as it answers, and how many events it counts; None for one that does not answer
    disagreeing : regions whose state is not that of the others
    """
    events = sum(expected.values())
    lost, surplus = {}, {}
    for region, said in found.items():
        if said is None:
            continue
        by_day, counted = said
        days = expected.keys() | by_day.keys()
        less = {day: expected.get(day, 0) - by_day.get(day, 0) for day in days}
        lost[region] = sum(one for one in less.values() if one > 0)
        more = sum(-one for one in less.values() if one < 0)
        # Events beyond the learners of the days are told twice: each learner has one.
        surplus[region] = max(more, counted - events)
    return Audit(
        events=events,
        lost=lost,
        surplus=surplus,
        unheard=tuple(region for region, said in found.items() if said is None),
        disagreeing=tuple(disagreeing),
    )
