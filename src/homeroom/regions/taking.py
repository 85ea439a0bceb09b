"""How entries of others come in: each is checked whole, waits for those before it, is written, and only then is held.

Nothing that comes is believed. An entry is taken if it follows the one before it by number and digest, if its payload
is the one that its header tells of, and if its node signed it; else it is dropped, told, and asked of somebody else.
Two entries of one number, both signed, are a fork: a machine was cloned. That is told, and neither is exchanged for the
other. That somebody *says* that it has another entry proves nothing, or one bad node could stop an origin everywhere:
it is told, and the entry itself is asked for.

What follows by what was taken is taken before it is durable: so what comes together is written together. Three places
are kept apart for it. An origin's *tail* is the last entry that is taken; what waits before the tail is in `Arrivals`
and in the write under way; what came too early is in `Gaps`. A life whose write has failed takes nothing any more.
"""

from collections.abc import Sequence

from homeroom.errors import EntryError
from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin
from homeroom.regions.arrivals import Arrivals
from homeroom.regions.gaps import Gaps
from homeroom.regions.knowledge import NOTHING, Knowledge
from homeroom.regions.messages import Pull, Range, encode
from homeroom.regions.pulling import Pulling
from homeroom.regions.residency import strayed
from homeroom.regions.steps import Alarm, Effect, Exchange, Keep, Members, Send, Trouble

__all__ = ["Taking"]


class Taking:
    """Entries on their way into the log of one life of a node.

    Parameters
    ----------
    known : what it knows
    pulling : where what is missing is asked for

    Attributes
    ----------
    tails : by origin the last entry that is held, is being written or waits to be
    writing : what is being written
    failure : why nothing is written any more, None while all is well
    """

    def __init__(self, known: Knowledge, pulling: Pulling) -> None:
        self.tails: dict[Origin, Head] = dict(known.birth.heads)
        self.writing: tuple[Entry, ...] = ()
        self.failure: str | None = None
        self._known, self._pulling = known, pulling
        self._verify = known.birth.verify
        self._gaps = Gaps()
        self._arrived = Arrivals()
        self._forks: set[Origin] = set()
        # By origin that is held the entry of which another node has said that it has another one.
        self._doubts: dict[Origin, Head] = {}

    # --- how far -----------------------------------------------------------------------------------------------------

    def tail(self, origin: Origin) -> Head:
        """Return the last entry of an origin that is taken; of what has collapsed and is here, the number alone."""
        tail = self.tails.get(origin)
        if tail is None and self._known.has_collapsed(origin):
            return Head(self._known.members.closed[origin])
        return tail or NOTHING

    def wanted(self, origin: Origin) -> int:
        """Return the number after which entries of an origin are asked for; a large one if none are."""
        known = self._known
        if not known.may_have(origin) or origin in self._forks or known.is_own(origin):
            return 1 << 63
        number, closed = self.tail(origin).number, known.members.closed.get(origin)
        return 1 << 63 if closed is not None and number >= closed else number

    def beyond(self) -> Origin | None:
        """Return an origin of which more is here than there is by what was stated, None if there is none."""
        known = self._known
        for origin, tail in self.tails.items():
            if tail.number > known.members.closed.get(origin, tail.number):
                return origin
        return next(iter(known.retired - known.members.collapsed), None)

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be written that nothing more is taken; it is asked for again."""
        return self._arrived.is_full or self.failure is not None

    @property
    def has_dropped(self) -> bool:
        """Whether an entry came too early that found no room to wait."""
        return self._gaps.dropped > 0

    def forget(self, origin: Origin) -> None:
        """Keep nothing of an origin that is named no more."""
        del self.tails[origin]
        self._doubts.pop(origin, None)

    # --- who there is ------------------------------------------------------------------------------------------------

    def fence(self, members: Members, now_ms: int) -> bool:
        """Let go of what has come from nodes that are to leave, and is not being written; others may still bring it.

        What this node says that it holds at the epoch of the fence is all that it will ever take from them itself; so
        as long as something of theirs is being written, it does not say yet that it knows of that epoch. Return whether
        it may.
        """
        before = self._known.members
        fenced = members.fenced - before.fenced
        ended = members.ended.keys() - before.ended.keys()

        def is_over(origin: Origin) -> bool:
            return origin.node in fenced or origin[:2] in ended

        if fenced or ended:
            self._gaps.forget(is_over)
            self._arrived.forget(is_over)
            for origin in [origin for origin in self.tails if is_over(origin)]:
                self._go_back(origin, now_ms)
        return not any(_is_fenced(entry.origin, members) for entry in self.writing)

    def _go_back(self, origin: Origin, now_ms: int) -> None:
        written = [entry.head for entry in self.writing if entry.origin == origin]
        tail = written[-1] if written else self._known.holdings.heads.get(origin, NOTHING)
        self.tails[origin] = tail  # who has told of more does not tell again
        views = self._known.views.values()
        last = max((view.numbers.get(origin, 0) for view in views), default=0)
        if last > tail.number:
            self._pulling.missing(origin, last, now_ms)

    def look_again(self, now_ms: int) -> None:
        """Ask for documents of which it was not known before that they may be here."""
        for view in self._known.views.values():
            for origin, number in view.numbers.items():
                if not origin.stream.is_shared and number > self.tail(origin).number:
                    self._pulling.missing(origin, number, now_ms)

    # --- what comes --------------------------------------------------------------------------------------------------

    def admit(self, entry: Entry, sender: str) -> list[Effect]:
        """Take an entry that came, if it may be here at all."""
        fault = strayed(entry, sender, self._known.residency)
        if fault or not self._known.may_have(entry.origin):
            return fault
        if entry.redaction is not None and entry.number <= self.tail(entry.origin).number:
            return self._exchange(entry, sender)
        return self.take(entry, sender)

    def _exchange(self, entry: Entry, sender: str) -> list[Effect]:
        """Let a redacted entry take the place of the one that is here; the log looks whether that is the same one."""
        try:
            entry.check_alone(self._verify)
        except EntryError as error:
            return [Alarm(Trouble.BAD_ENTRY, f"{sender} sent {error}", sender, entry.origin)]
        return [] if self._arrived.exchange(entry) else [Exchange((entry,))]

    def take(self, entry: Entry, sender: str) -> list[Effect]:
        """Take an entry that came, and those that waited for it."""
        effects: list[Effect] = []
        following: Entry | None = entry
        while following is not None:
            tail = self.tail(following.origin)
            if following.number <= tail.number:
                return effects + self._compare(following, sender)
            if following.number != tail.number + 1:
                # Of what waits it is not kept who sent it, so whether that node may is asked now.
                if self._is_closed(following, sender):
                    break
                return effects + self._set_aside(following, sender)
            refusal = self._refuse(following, tail, sender)
            if refusal is not None:
                self._pulling.avoid(following.origin, sender)
                return effects + refusal
            self.tails[following.origin] = following.head
            self._arrived.append(following)
            following = self._gaps.take(following.origin, following.number + 1)
        return effects

    def _set_aside(self, entry: Entry, sender: str) -> list[Effect]:
        """Let an entry wait that came too early; what nobody has signed would fill the room for others."""
        if self._is_signed(entry):
            self._gaps.add(entry)
            return []
        why = (
            f"{sender} sent entry {entry.number} of {entry.origin}, which is not signed by its node"
        )
        return [Alarm(Trouble.BAD_ENTRY, why, sender, entry.origin)]

    def _refuse(self, entry: Entry, tail: Head, sender: str) -> list[Effect] | None:
        """Return what to do if an entry may not follow what is here, None if it may."""
        if self._is_closed(entry, sender) or self.is_full or entry.origin in self._forks:
            return []
        if self._known.is_own(entry.origin) and self._is_signed(entry):
            why = f"{sender} has entry {entry.number} of {entry.origin}, which this node has not written"
            return [Alarm(Trouble.CLONE, why, sender, entry.origin)]
        try:
            entry.check(tail, self._verify)
        except EntryError as error:
            if entry.previous != tail.digest and self._is_signed(entry):
                return self._forked(entry.origin, sender)
            return [Alarm(Trouble.BAD_ENTRY, f"{sender} sent {error}", sender, entry.origin)]
        return None

    def _is_closed(self, entry: Entry, sender: str) -> bool:
        members = self._known.members
        if entry.number > members.closed.get(entry.origin, entry.number):
            return True
        node, life, _ = entry.origin
        is_itself = sender == node
        if is_itself and (node, life) in members.ended:
            return self._known.views[sender].life == life
        return is_itself and node in members.fenced

    def _is_signed(self, entry: Entry) -> bool:
        return self._verify(entry.origin.node, entry.digest, entry.signature)

    def doubt(self, origin: Origin, sender: str) -> list[Effect]:
        """Take that another node says that it has another entry where this one's last is; ask for it."""
        if origin in self._forks:
            return []
        effects: list[Effect] = []
        number = self._known.holdings.heads[origin].number
        if origin not in self._doubts:
            why = (
                f"{sender} says that it has another entry {number} of {origin} than this node. It is asked for it; if "
                f"no fork is told soon, it has said what is not so: look at that node"
            )
            effects.append(Alarm(Trouble.CLAIM, why, sender, origin))
        self._doubts[origin] = self._known.holdings.heads[origin]
        # No number: it is asked for beside all that is missing, and comes as if it were sent unasked.
        pull = Pull(self._known.birth.life, 0, (Range(origin, number),))
        return [*effects, Send(sender, encode(pull))]

    def _compare(self, entry: Entry, sender: str) -> list[Effect]:
        """Look at an entry that is here already: it may be the one that somebody has said is another one."""
        mine = self._doubts.get(entry.origin)
        if mine is None or mine.number != entry.number:
            return []
        if entry.digest == mine.digest:
            return []
        if self._is_signed(entry):
            return self._forked(entry.origin, sender)
        why = f"{sender} sent another entry {entry.number} of {entry.origin}, which is not signed by its node"
        return [Alarm(Trouble.BAD_ENTRY, why, sender, entry.origin)]

    def _forked(self, origin: Origin, sender: str) -> list[Effect]:
        """Take that another node has other entries of an origin; return what to tell of it."""
        if origin in self._forks:
            return []
        self._forks.add(origin)
        why = (
            f"{sender} has other entries of {origin} than this node: two machines have written under one name and one "
            f"start, so one of them is a copy. Stop one, and start it again with a log of its own"
        )
        return [Alarm(Trouble.FORK, why, sender, origin)]

    # --- written -----------------------------------------------------------------------------------------------------

    def write(self) -> list[Effect]:
        """Return what is to be written now."""
        if self.writing or not self._arrived or self.failure is not None:
            return []
        self.writing = self._arrived.take()
        return [Keep(self.writing)]

    def kept(self) -> tuple[Entry, ...]:
        """Take that what was being written is durable; return it."""
        entries, self.writing = self.writing, ()
        for entry in entries:
            self._known.holdings.advance(entry.origin, entry.head)
        return entries

    def committed(self, entries: Sequence[Entry]) -> None:
        """Take entries that this node has made durable itself."""
        for entry in entries:
            self.tails[entry.origin] = head = entry.head
            self._known.holdings.advance(entry.origin, head)

    def not_kept(self, why: str) -> None:
        """Take that a write has failed: nothing more is taken in this life."""
        self.failure = why
        self._arrived.clear()
        self._pulling.stop()
        self.writing = ()

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        self._gaps.check_invariants()
        self._arrived.check_invariants()
        assert self._doubts.keys() <= self.tails.keys(), "of what is not here nothing is doubted"
        assert not self._arrived or self.writing or self.failure, (
            "nothing waits while nothing is written"
        )
        for entry in (*self.writing, *self._arrived):
            held = self._known.holdings.heads.get(entry.origin, NOTHING)
            assert entry.number > held.number, "what is held is not written again"


def _is_fenced(origin: Origin, members: Members) -> bool:
    """Say whether nothing more is taken of an origin from whoever writes it."""
    return origin.node in members.fenced or origin[:2] in members.ended
