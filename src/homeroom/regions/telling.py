"""What others are told of what this node holds, and what they are given of it.

What a node says that it holds is durable there: others acknowledge to clients by it. It says to each what that one may
know (`homeroom.regions.residency`). News names what has changed since that node was told last; what was just written
goes to all who keep up, in one message that is made once. Who asks for entries is answered out of the log, so many at a
time that no queue grows, and hears so if there is nothing for it.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

import msgspec

from homeroom import limits
from homeroom.log.entries import Entry
from homeroom.regions.collecting import Collecting
from homeroom.regions.holdings import View, item_of
from homeroom.regions.knowledge import Knowledge
from homeroom.regions.messages import (
    Answer,
    News,
    Pull,
    Reading,
    encode,
    in_parts,
    sealed_entry,
)
from homeroom.regions.residency import trespass
from homeroom.regions.steps import Effect, Look, Send

__all__ = ["ReadClock", "Telling"]

ReadClock: TypeAlias = Callable[[str], Reading]
"""Returns for a node what is to be compared with its clock."""


class Telling:
    """What one life of a node tells others.

    Parameters
    ----------
    known : what it knows
    collecting : what its log has forgotten

    Attributes
    ----------
    epoch : of the control stream, up to which this node says that it knows it
    """

    def __init__(self, known: Knowledge, collecting: Collecting) -> None:
        self.epoch = 0
        self._known, self._collecting = known, collecting
        self._looks = 0

    # --- told --------------------------------------------------------------------------------------------------------

    def committed(self, entries: Sequence[Entry], answer: Answer) -> list[Effect]:
        """Send entries that this node has made durable to all who keep up."""
        effects: list[Effect] = []
        # By what is in it: of two nodes that may have as many entries each may have others.
        bodies: dict[object, bytes] = {}
        for node, view in self._known.views.items():
            shown = self._known.residency.shown(node, entries)
            if not shown or not self._keeps_up(view, shown):
                continue
            origins = tuple(entry.origin for entry in shown)
            body = bodies.get(origins)
            if body is None:
                body = bodies[origins] = self._sent(shown, answer)
            effects.append(Send(node, body))
        return effects

    def _sent(self, entries: Sequence[Entry], answer: Answer) -> bytes:
        """Return one message for all who may have these: of what else has changed gossip tells, so it has no total."""
        news = News(
            life=self._known.birth.life,
            version=self._known.holdings.version,
            epoch=self.epoch,
            total=b"",
            items=tuple(item_of(entry.origin, entry.head) for entry in entries),
            answer=answer,
            entries=tuple(map(sealed_entry, entries)),
        )
        return encode(news)

    @staticmethod
    def _keeps_up(view: View, entries: Sequence[Entry]) -> bool:
        """Say whether a node is so near that entries are sent to it unasked."""
        return all(
            entry.number - view.numbers.get(entry.origin, 0) <= limits.PUSH_AHEAD_MAX
            for entry in entries
        )

    def tell(
        self, nodes: Iterable[str], answer: Answer, read_clock: ReadClock | None = None
    ) -> list[Effect]:
        """Tell nodes what has changed here since they were told last."""
        effects: list[Effect] = []
        for node in nodes:
            view = self._known.views[node]
            reading = None if read_clock is None else read_clock(node)
            news = self._news(node, view.told, answer=answer, reading=reading)
            view.told = self._known.holdings.version
            effects += [Send(node, encode(part)) for part in in_parts(news)]
        return effects

    def _news(
        self,
        to: str,
        told: int,
        *,
        answer: Answer = Answer.NONE,
        entries: tuple[msgspec.Raw, ...] = (),
        reading: Reading | None = None,
        pull: int = 0,
    ) -> News:
        holdings = self._known.holdings
        items = holdings.since(told)
        if holdings.has_documents:
            items = [one for one in items if self._known.residency.may_have(to, one.origin)]
        return News(
            life=self._known.birth.life,
            version=holdings.version,
            epoch=self.epoch,
            total=holdings.total(partial(self._known.residency.may_have_of, to)),
            items=tuple(items),
            is_whole=holdings.is_whole_after(told),
            is_complete=self._known.is_complete,
            answer=answer,
            entries=entries,
            reading=reading,
            pull=pull,
        )

    # --- asked -------------------------------------------------------------------------------------------------------

    def pull(self, sender: str, pull: Pull) -> list[Effect]:
        """Take what another node asks for."""
        if self._looks >= limits.LOOKS_MAX:
            return []
        residency, held = self._known.residency, self._known.held
        ranges = tuple(
            one
            for one in pull.ranges
            if one.first <= held(one.origin) and residency.may_have(sender, one.origin)
        )
        effects = trespass(sender, (one.origin for one in pull.ranges), residency)
        there, is_behind = self._collecting.split(ranges)
        if not there:
            return [*effects, *self._answer(sender, pull.number, (), is_behind=is_behind)]
        self._looks += 1
        told = self._answer(sender, 0, (), is_behind=True) if is_behind else []
        return [*effects, *told, Look(sender, pull.number, there)]

    def found(self, to: str, pull: int, entries: Sequence[Entry]) -> list[Effect]:
        """Take what was looked up for another node."""
        self._looks -= 1
        durable = [e for e in entries if e.number <= self._known.held(e.origin)]
        return self._answer(to, pull, durable)

    def _answer(
        self, to: str, pull: int, entries: Sequence[Entry], *, is_behind: bool = False
    ) -> list[Effect]:
        view = self._known.views.get(to)
        if view is None:
            return []
        told, view.told = view.told, self._known.holdings.version
        sealed = tuple(map(sealed_entry, self._known.residency.shown(to, entries)))
        news = self._news(to, told, entries=sealed, pull=pull)
        return [Send(to, encode(msgspec.structs.replace(news, is_behind=is_behind)))]

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        assert 0 <= self._looks <= limits.LOOKS_MAX
