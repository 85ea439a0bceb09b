"""How entries reach every node: told, sent, asked for, checked whole, written, and only then called held.

A node writes for itself and waits for nobody. What it has written it sends to the others once, in one message for all;
who misses that hears of it from somebody else a second later, and asks whoever has it. So an entry arrives by any path,
and a link may lose, repeat, delay and reorder as it likes: what is here is told by a number an origin, and everything
else follows from comparing these.

Nothing that comes is believed. An entry is taken if it follows the one before it by number and digest, if its payload
is the one that its header tells of, and if its node signed it; else it is dropped, told, and asked of somebody else.
Two entries of one number, both signed, are a fork: a machine was cloned. That is told, and neither is exchanged for the
other.

What a node says that it holds is durable there: others acknowledge to clients by it.

The way not taken is a tree or a leader that deals entries out: it is quicker while all is well, and has to be mended
first when it is not.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import EntryError
from homeroom.log.entries import Entry, Head, Verify
from homeroom.log.origins import Origin
from homeroom.regions.gaps import Gaps
from homeroom.regions.holdings import Holdings, View, item_of
from homeroom.regions.messages import (
    Answer,
    Message,
    News,
    Pull,
    Reading,
    encode,
    read,
    sealed_entry,
)
from homeroom.regions.pulling import Draw, Pulling
from homeroom.regions.steps import Alarm, Effect, Keep, Look, Members, Send, Trouble

__all__ = ["Birth", "Replication"]

_NOTHING = Head()


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What a life of a node begins with.

    Parameters
    ----------
    node, life : its name, and the incarnation that was drawn for it
    heads : by origin the last entry that its log holds
    verify : checks signatures
    draw : chance
    read : makes a message and its entries of bytes, or raises `MessageError`
    """

    node: str
    life: str
    heads: Mapping[Origin, Head]
    verify: Verify
    draw: Draw
    read: Callable[[bytes], tuple[Message, Sequence[Entry]]] = read


ReadClock: TypeAlias = Callable[[str], Reading]
"""Returns for a node what is to be compared with its clock."""


class Replication:
    """Entries of one life of a node, on their way from and to others.

    Attributes
    ----------
    holdings : what is durable here
    views : by node what it has said that it holds
    lives : by node which of its lives that was in, this node's own included, those to leave left out
    failure : why nothing is written any more, None while all is well
    """

    def __init__(self, birth: Birth) -> None:
        self.holdings = Holdings(birth.heads)
        self.views: dict[str, View] = {}
        self.lives = {birth.node: birth.life}
        self.failure: str | None = None
        self._birth = birth
        self._members = Members(0, {birth.node: ""})
        # The epoch that this node says it knows of.
        self._epoch = 0
        self._pulling = Pulling(birth.life, birth.draw)
        self._gaps = Gaps()
        # The last entry of each origin that is held, is being written or waits to be.
        self._tails: dict[Origin, Head] = dict(birth.heads)
        self._arrived: deque[Entry] = deque()
        self._arrived_bytes = 0
        self._writing: tuple[Entry, ...] = ()
        self._owed: set[str] = set()
        self._forks: set[Origin] = set()
        self._looks = 0

    # --- who there is ------------------------------------------------------------------------------------------------

    def members(self, members: Members) -> list[str]:
        """Take who belongs to the world; return the nodes that are new, to be asked for all that they hold."""
        self._fence(members)
        self._members = members
        others = sorted(set(members.regions) - {self._birth.node})
        new = [node for node in others if node not in self.views]
        self.views = {node: self.views.get(node) or View() for node in others}
        self._see_lives()
        self._owed &= set(others)
        return new

    def _fence(self, members: Members) -> None:
        """Let go of what has come from nodes that are to leave, and is not being written.

        What this node says that it holds at the epoch of the fence is all that it will ever take from them itself; so
        as long as something of theirs is being written, it does not say yet that it knows of that epoch.
        """
        fenced = members.fenced - self._members.fenced
        if fenced:
            self._gaps.forget(fenced)
            self._arrived = deque(e for e in self._arrived if e.origin.node not in fenced)
            self._arrived_bytes = sum(len(entry.payload) for entry in self._arrived)
            for origin in [origin for origin in self._tails if origin.node in fenced]:
                written = [entry.head for entry in self._writing if entry.origin == origin]
                held = self.holdings.heads.get(origin, _NOTHING)
                self._tails[origin] = written[-1] if written else held
        if not any(entry.origin.node in members.fenced for entry in self._writing):
            self._epoch = members.epoch

    def numbers(self) -> dict[str, dict[Origin, int]]:
        """Return by node what it has said that it holds."""
        return {node: view.numbers for node, view in self.views.items()}

    def _see_lives(self) -> None:
        lives = {node: view.life for node, view in self.views.items()}
        lives[self._birth.node] = self._birth.life
        self.lives = {n: life for n, life in lives.items() if n not in self._members.fenced}

    # --- told --------------------------------------------------------------------------------------------------------

    def committed(self, entries: Sequence[Entry], answer: Answer) -> list[Effect]:
        """Take entries that this node has made durable, and send them to all who keep up."""
        for entry in entries:
            self._tails[entry.origin] = head = entry.head
            self.holdings.advance(entry.origin, head)
        # One message for all: of what else has changed here, gossip tells. So it comes to no total.
        items = tuple(item_of(entry.origin, entry.head) for entry in entries)
        sealed = tuple(map(sealed_entry, entries))
        news = News(
            life=self._birth.life,
            version=self.holdings.version,
            epoch=self._epoch,
            total=b"",
            items=items,
            answer=answer,
            entries=sealed,
        )
        body = encode(news)
        return [Send(n, body) for n, view in self.views.items() if self._keeps_up(view, entries)]

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
            view = self.views[node]
            reading = None if read_clock is None else read_clock(node)
            news = self._news(view.told, answer=answer, reading=reading)
            view.told = self.holdings.version
            effects += [Send(node, encode(part)) for part in _parts(news)]
        return effects

    def _news(
        self,
        told: int,
        *,
        answer: Answer = Answer.NONE,
        entries: tuple[msgspec.Raw, ...] = (),
        reading: Reading | None = None,
        pull: int = 0,
    ) -> News:
        return News(
            life=self._birth.life,
            version=self.holdings.version,
            epoch=self._epoch,
            total=self.holdings.total,
            items=tuple(self.holdings.since(told)),
            answer=answer,
            entries=entries,
            reading=reading,
            pull=pull,
        )

    # --- heard -------------------------------------------------------------------------------------------------------

    def news(
        self,
        sender: str,
        news: News,
        entries: Sequence[Entry],
        read_clock: ReadClock,
        now_ms: int,
    ) -> list[Effect]:
        """Take news of another node, with the entries in it."""
        view = self.views[sender]
        if view.is_past(news.life):
            return []
        is_new_life = news.life != view.life
        has_missed = view.take(news)
        if is_new_life:
            self._see_lives()
        effects = self._compare(sender, news, now_ms)
        for entry in entries:
            effects += self._take(entry, sender)
        if news.pull:
            brought = {entry.origin for entry in entries}
            self._pulling.answered(sender, news.pull, brought, now_ms)
            effects += self._ask(now_ms)
        effects += self._write()
        effects += self._reply(sender, news.answer, read_clock)
        if has_missed and view.may_ask(now_ms):
            effects += self.tell([sender], Answer.ALL, read_clock)
        return effects

    def _reply(self, sender: str, wanted: Answer, read_clock: ReadClock) -> list[Effect]:
        """Tell another node what it wanted to hear, once that is true."""
        if wanted is Answer.ALL:
            self.views[sender].told = 0
        elif wanted is Answer.WHEN_HELD and self._writing:
            self._owed.add(sender)
            return []
        return [] if wanted is Answer.NONE else self.tell([sender], Answer.NONE, read_clock)

    def _compare(self, sender: str, news: News, now_ms: int) -> list[Effect]:
        """Look for what is missing here, and for what another node has written otherwise at the same number."""
        effects: list[Effect] = []
        heads, tails = self.holdings.heads, self._tails
        for item in news.items:
            origin, number = item.origin, item.number
            if number > tails.get(origin, _NOTHING).number:
                self._pulling.missing(origin, number, now_ms)
                continue
            mine = heads.get(origin, _NOTHING)
            if mine.number == number and not mine.digest.startswith(item.head):
                effects += self._forked(origin, sender)
        return effects

    def _take(self, entry: Entry, sender: str) -> list[Effect]:
        """Take an entry that came, and those that waited for it."""
        effects: list[Effect] = []
        following: Entry | None = entry
        while following is not None:
            tail = self._tail(following.origin)
            if following.number != tail.number + 1:
                if following.number > tail.number:
                    self._gaps.add(following)
                break
            refusal = self._refuse(following, tail, sender)
            if refusal is not None:
                self._pulling.avoid(following.origin, sender)
                return effects + refusal
            self._tails[following.origin] = following.head
            self._arrived.append(following)
            self._arrived_bytes += len(following.payload)
            following = self._gaps.take(following.origin, following.number + 1)
        return effects

    def _refuse(self, entry: Entry, tail: Head, sender: str) -> list[Effect] | None:
        """Return what to do if an entry may not follow what is here, None if it may."""
        if self._is_closed(entry, sender) or self._is_full() or entry.origin in self._forks:
            return []
        if entry.origin[:2] == (self._birth.node, self._birth.life):
            why = f"{sender} has entry {entry.number} of {entry.origin}, which this node has not written"
            return [Alarm(Trouble.CLONE, why, sender, entry.origin)]
        try:
            entry.check(tail, self._birth.verify)
        except EntryError as error:
            verify = self._birth.verify
            is_signed = verify(entry.origin.node, entry.digest, entry.signature)
            if entry.previous != tail.digest and is_signed:
                return self._forked(entry.origin, sender)
            return [Alarm(Trouble.BAD_ENTRY, f"{sender} sent {error}", sender, entry.origin)]
        return None

    def _is_closed(self, entry: Entry, sender: str) -> bool:
        members = self._members
        if entry.number > members.closed.get(entry.origin, entry.number):
            return True
        return entry.origin.node in members.fenced and sender == entry.origin.node

    def _is_full(self) -> bool:
        """Say whether so much waits to be written that nothing more is taken; it is asked for again."""
        return (
            len(self._arrived) >= limits.ARRIVED_ENTRIES_MAX
            or self._arrived_bytes > limits.ARRIVED_BYTES_MAX
            or self.failure is not None
        )

    def _forked(self, origin: Origin, sender: str) -> list[Effect]:
        if origin in self._forks:
            return []
        self._forks.add(origin)
        why = (
            f"{sender} has other entries of {origin} than this node: two machines have written under one name and one "
            f"start, so one of them is a copy. Stop one, and start it again with a log of its own"
        )
        return [Alarm(Trouble.FORK, why, sender, origin)]

    def _tail(self, origin: Origin) -> Head:
        return self._tails.get(origin, _NOTHING)

    # --- written -----------------------------------------------------------------------------------------------------

    def _write(self) -> list[Effect]:
        if self._writing or not self._arrived or self.failure is not None:
            return []
        count = min(len(self._arrived), limits.MESSAGE_ENTRIES_MAX)
        self._writing = tuple(self._arrived.popleft() for _ in range(count))
        self._arrived_bytes -= sum(len(entry.payload) for entry in self._writing)
        return [Keep(self._writing)]

    def kept(self) -> tuple[tuple[Entry, ...], list[Effect]]:
        """Take that what was being written is durable; return it, and what to do."""
        entries, self._writing = self._writing, ()
        for entry in entries:
            self.holdings.advance(entry.origin, entry.head)
        effects = self._write()
        owed, self._owed = sorted(self._owed), set()
        if self._epoch < self._members.epoch:
            self._epoch, owed = self._members.epoch, list(self.views)
        return entries, [*effects, *self.tell(owed, Answer.NONE)]

    def not_kept(self, why: str) -> None:
        """Take that a write has failed: nothing more is taken or said to be held in this life."""
        self.failure = why
        self._arrived.clear()
        self._arrived_bytes, self._writing = 0, ()

    # --- asked -------------------------------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> list[Effect]:
        """Ask for what is missing."""
        return [*self._write(), *self._ask(now_ms)]

    def _ask(self, now_ms: int) -> list[Effect]:
        if self._pulling.is_idle or self._is_full():
            return []
        planned = self._pulling.plan(self._wanted, self.numbers(), now_ms)
        return [Send(peer, encode(pull)) for peer, pull in planned]

    def _wanted(self, origin: Origin) -> int:
        """Return the number after which entries of an origin are asked for; a large one if none are."""
        if origin in self._forks or origin[:2] == (self._birth.node, self._birth.life):
            return 1 << 63
        number, closed = self._tail(origin).number, self._members.closed.get(origin)
        return 1 << 63 if closed is not None and number >= closed else number

    def pull(self, sender: str, pull: Pull) -> list[Effect]:
        """Take what another node asks for."""
        if self._looks >= limits.LOOKS_MAX:
            return []
        held = self.holdings.heads
        ranges = tuple(
            one for one in pull.ranges if one.first <= held.get(one.origin, _NOTHING).number
        )
        if not ranges:
            return self._answer(sender, pull.number, ())
        self._looks += 1
        return [Look(sender, pull.number, ranges)]

    def found(self, to: str, pull: int, entries: Sequence[Entry]) -> list[Effect]:
        """Take what was looked up for another node."""
        self._looks -= 1
        held = self.holdings.heads
        durable = [e for e in entries if e.number <= held.get(e.origin, _NOTHING).number]
        return self._answer(to, pull, durable)

    def _answer(self, to: str, pull: int, entries: Sequence[Entry]) -> list[Effect]:
        view = self.views.get(to)
        if view is None:
            return []
        told, view.told = view.told, self.holdings.version
        sealed = tuple(map(sealed_entry, entries))
        return [Send(to, encode(self._news(told, entries=sealed, pull=pull)))]

    # --- what must hold ----------------------------------------------------------------------------------------------

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        self._gaps.check_invariants()
        self._pulling.check_invariants()
        assert len(self._arrived) <= limits.ARRIVED_ENTRIES_MAX
        assert self._arrived_bytes == sum(len(entry.payload) for entry in self._arrived)
        assert 0 <= self._looks <= limits.LOOKS_MAX
        assert not self._arrived or self._writing or self.failure, (
            "nothing waits while nothing is written"
        )
        for entry in (*self._writing, *self._arrived):
            held = self.holdings.heads.get(entry.origin, _NOTHING)
            assert entry.number > held.number, "what is held is not written again"


def _parts(news: News) -> list[News]:
    """Return news in as many messages as its items need."""
    size = limits.ORIGINS_TOLD_MAX
    if len(news.items) <= size:
        return [news]
    cuts = [news.items[start : start + size] for start in range(0, len(news.items), size)]
    first = [msgspec.structs.replace(news, items=cut, total=b"", reading=None) for cut in cuts[:-1]]
    return [*first, msgspec.structs.replace(news, items=cuts[-1])]
