"""How entries reach every node: told, sent, asked for, checked whole, written, and only then called held.

A node writes for itself and waits for nobody. What it has written it sends to the others once, in one message for all;
who misses that hears of it from somebody else a second later, and asks whoever has it. So an entry arrives by any path,
and a link may lose, repeat, delay and reorder as it likes: what is here is told by a number an origin, and everything
else follows from comparing these.

Nothing that comes is believed. An entry is taken if it follows the one before it by number and digest, if its payload
is the one that its header tells of, and if its node signed it; else it is dropped, told, and asked of somebody else.
Two entries of one number, both signed, are a fork: a machine was cloned. That is told, and neither is exchanged for the
other.

What a node says that it holds is durable there: others acknowledge to clients by it. It says to each what that one may
know (`homeroom.regions.residency`).

An entry that was redacted is the same entry: its header stands, and with it number, chain and sums. So it is taken like
any other. Where it meets a copy that was not redacted, in a buffer or in the log, it takes its place.

The way not taken is a tree or a leader that deals entries out: it is quicker while all is well, and has to be mended
first when it is not.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import EntryError
from homeroom.log.entries import Entry, Head, Verify
from homeroom.log.members import LifeName
from homeroom.log.origins import Origin, Stream
from homeroom.regions.arrivals import Arrivals
from homeroom.regions.collecting import Collecting
from homeroom.regions.gaps import Gaps
from homeroom.regions.holdings import Holdings, View, item_of
from homeroom.regions.messages import (
    Answer,
    Message,
    News,
    Pull,
    Reading,
    encode,
    in_parts,
    read,
    sealed_entry,
)
from homeroom.regions.pulling import Draw, Pulling
from homeroom.regions.residency import Residency, strayed, trespass
from homeroom.regions.steps import (
    Alarm,
    AskSnapshot,
    Effect,
    Exchange,
    Keep,
    Look,
    Members,
    Send,
    Trouble,
)

__all__ = ["Birth", "Replication"]

_NOTHING = Head()


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What a life of a node begins with.

    Parameters
    ----------
    node, life : its name, and the incarnation that was drawn for it
    heads : by origin the last entry that its log holds
    applied : by origin the last entry that is folded already, in the snapshot that it starts from
    begins : by origin the number up to which its log has forgotten entries
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
    applied: Mapping[Origin, Head] = field(default_factory=dict)
    begins: Mapping[Origin, int] = field(default_factory=dict)

    @property
    def name(self) -> LifeName:
        """The node and the incarnation."""
        return self.node, self.life


ReadClock: TypeAlias = Callable[[str], Reading]
"""Returns for a node what is to be compared with its clock."""


class Replication:
    """Entries of one life of a node, on their way from and to others.

    Attributes
    ----------
    holdings : what is durable here
    views : by node what it has said that it holds
    epoch : of the control stream, up to which this node says that it knows it
    lives : by node which of its lives that was in, this node's own included, those to leave left out
    collecting : what the log has forgotten
    failure : why nothing is written any more, None while all is well
    """

    def __init__(self, birth: Birth) -> None:
        self.holdings = Holdings(birth.heads)
        self.views: dict[str, View] = {}
        self.lives = {birth.node: birth.life}
        self.collecting = Collecting(birth.begins)
        self.failure: str | None = None
        self._birth = birth
        self._members = Members(0, {birth.node: ""})
        self._residency = Residency(birth.node)
        # Origins that have collapsed: of some not all is here, the others are named no more.
        self._lacking: set[Origin] = set()
        self._retired: set[Origin] = set()
        self.epoch = 0
        self._pulling = Pulling(birth.life, birth.draw)
        self._gaps = Gaps()
        # The last entry of each origin that is held, is being written or waits to be.
        self._tails: dict[Origin, Head] = dict(birth.heads)
        self._arrived = Arrivals()
        self._writing: tuple[Entry, ...] = ()
        self._owed: set[str] = set()
        self._forks: set[Origin] = set()
        self._clones: set[str] = set()
        self._looks = 0

    # --- who there is ------------------------------------------------------------------------------------------------

    def members(self, members: Members, now_ms: int) -> list[str]:
        """Take who belongs to the world; return the nodes that are new, to be asked for all that they hold."""
        self._fence(members, now_ms)
        self._members = members
        if self._residency.members(members):
            self._look_again(now_ms)
        collapsed = members.collapsed - self._retired
        self._lacking = {origin for origin in collapsed if self.may_have(origin)}
        others = sorted(set(members.regions) - {self._birth.node})
        new = [node for node in others if node not in self.views]
        self.views = {node: self.views.get(node) or View() for node in others}
        self._see_lives()
        self._owed &= set(others)
        return new

    def _fence(self, members: Members, now_ms: int) -> None:
        """Let go of what has come from nodes that are to leave, and is not being written; others may still bring it.

        What this node says that it holds at the epoch of the fence is all that it will ever take from them itself; so
        as long as something of theirs is being written, it does not say yet that it knows of that epoch.
        """
        fenced = members.fenced - self._members.fenced
        ended = members.ended.keys() - self._members.ended.keys()

        def is_over(origin: Origin) -> bool:
            return origin.node in fenced or origin[:2] in ended

        if fenced or ended:
            self._gaps.forget(is_over)
            self._arrived.forget(is_over)
            for origin in [origin for origin in self._tails if is_over(origin)]:
                written = [entry.head for entry in self._writing if entry.origin == origin]
                tail = written[-1] if written else self.holdings.heads.get(origin, _NOTHING)
                self._tails[origin] = tail  # who has told of more does not tell again
                last = max((view.numbers.get(origin, 0) for view in self.views.values()), default=0)
                if last > tail.number:
                    self._pulling.missing(origin, last, now_ms)
        if not any(_is_fenced(entry.origin, members) for entry in self._writing):
            self.epoch = members.epoch

    def _look_again(self, now_ms: int) -> None:
        """Ask for documents of which it was not known before that they may be here."""
        for view in self.views.values():
            for origin, number in view.numbers.items():
                if origin.stream is Stream.DOCUMENT and number > self._tail(origin).number:
                    self._pulling.missing(origin, number, now_ms)

    def numbers(self) -> dict[str, dict[Origin, int]]:
        """Return by node what it has said that it holds."""
        return {node: view.numbers for node, view in self.views.items()}

    def _see_lives(self) -> None:
        lives = {node: view.life for node, view in self.views.items()} | dict([self._birth.name])
        self.lives = {n: life for n, life in lives.items() if n not in self._members.fenced}

    # --- told --------------------------------------------------------------------------------------------------------

    def committed(self, entries: Sequence[Entry], answer: Answer) -> list[Effect]:
        """Take entries that this node has made durable, and send them to all who keep up."""
        for entry in entries:
            self._tails[entry.origin] = head = entry.head
            self.holdings.advance(entry.origin, head)
        effects: list[Effect] = []
        bodies: dict[int, bytes] = {}
        for node, view in self.views.items():
            shown = self._residency.shown(node, entries)
            if not shown or not self._keeps_up(view, shown):
                continue
            body = bodies.get(len(shown))
            if body is None:
                body = bodies[len(shown)] = self._sent(shown, answer)
            effects.append(Send(node, body))
        return effects

    def _sent(self, entries: Sequence[Entry], answer: Answer) -> bytes:
        """Return one message for all who may have these: of what else has changed gossip tells, so it has no total."""
        news = News(
            life=self._birth.life,
            version=self.holdings.version,
            epoch=self.epoch,
            total=b"",
            items=tuple(item_of(entry.origin, entry.head) for entry in entries),
            answer=answer,
            entries=tuple(map(sealed_entry, entries)),
        )
        return encode(news)

    def _scope(self, node: str) -> Collection[str]:
        """Return the nodes whose documents another may hear of, as far as there are any."""
        return self._residency.writers(node) if self.holdings.has_documents else ()

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
            news = self._news(node, view.told, answer=answer, reading=reading)
            view.told = self.holdings.version
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
        items = self.holdings.since(told)
        if self.holdings.has_documents:
            items = [one for one in items if self._residency.may_have(to, one.origin)]
        return News(
            life=self._birth.life,
            version=self.holdings.version,
            epoch=self.epoch,
            total=self.holdings.total(self._scope(to)),
            items=tuple(items),
            is_whole=self.holdings.is_whole_after(told),
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
        is_over = (sender, news.life) in self._members.ended
        if is_over or view.is_past(news.life, now_ms):
            return self._news_of_past(sender, news, [] if is_over else entries, now_ms)
        is_new_life = news.life != view.life
        has_missed = view.take(news, now_ms)
        if is_new_life:
            self._see_lives()
        effects = self._compare(sender, news, now_ms)
        effects += trespass(sender, (item.origin for item in news.items), self._residency)
        for entry in entries:
            effects += self._admit(entry, sender)
        if news.pull:
            brought = {entry.origin for entry in entries}
            self._pulling.answered(sender, news.pull, brought, now_ms)
            effects += self._ask(now_ms)
        effects += self._write()
        if news.is_behind and self.collecting.may_fetch(now_ms):
            effects.append(AskSnapshot(sender))
        effects += self._reply(sender, news.answer, read_clock)
        if has_missed and view.may_ask(now_ms):
            effects += self.tell([sender], Answer.ALL, read_clock)
        return effects

    def _news_of_past(
        self, sender: str, news: News, entries: Sequence[Entry], now_ms: int
    ) -> list[Effect]:
        """Take entries out of news of an earlier life, and nothing else of it."""
        effects = [effect for entry in entries for effect in self._take(entry, sender)]
        if self.views[sender].spoke(news.life, now_ms) and sender not in self._clones:
            self._clones.add(sender)
            why = (
                f"two processes run under the name {sender}: a machine was copied. What both have written is taken; "
                f"stop one, and give it a name and a key of its own"
            )
            effects.append(Alarm(Trouble.CLONE, why, sender))
        return effects + self._write()

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
            tail = tails.get(origin) or self._tail(origin)
            if number > tail.number:
                if self.may_have(origin):
                    self._pulling.missing(origin, number, now_ms)
                continue
            mine = heads.get(origin, _NOTHING)
            if mine.number == number and not mine.digest.startswith(item.head):
                effects += self._forked(origin, sender)
        return effects

    def shares_documents(self, node: str) -> bool:
        """Say whether a node may have the documents of this one."""
        return node in self._residency.writers(self._birth.node)

    def may_have(self, origin: Origin) -> bool:
        """Say whether this node may have entries of an origin."""
        return self._residency.may_have(self._birth.node, origin)

    def _admit(self, entry: Entry, sender: str) -> list[Effect]:
        """Take an entry that came, if it may be here at all."""
        fault = strayed(entry, sender, self._residency)
        if fault or not self.may_have(entry.origin):
            return fault
        if entry.redaction is not None and entry.number <= self._tail(entry.origin).number:
            return self._exchange(entry, sender)
        return self._take(entry, sender)

    def _exchange(self, entry: Entry, sender: str) -> list[Effect]:
        """Let a redacted entry take the place of the one that is here; the log looks whether that is the same one."""
        try:
            entry.check_alone(self._birth.verify)
        except EntryError as error:
            return [Alarm(Trouble.BAD_ENTRY, f"{sender} sent {error}", sender, entry.origin)]
        return [] if self._arrived.exchange(entry) else [Exchange((entry,))]

    def _take(self, entry: Entry, sender: str) -> list[Effect]:
        """Take an entry that came, and those that waited for it."""
        effects: list[Effect] = []
        following: Entry | None = entry
        while following is not None:
            tail = self._tail(following.origin)
            if following.number != tail.number + 1:
                # Of what waits it is not kept who sent it, so whether that node may is asked now.
                if following.number > tail.number and not self._is_closed(following, sender):
                    self._gaps.add(following)
                break
            refusal = self._refuse(following, tail, sender)
            if refusal is not None:
                self._pulling.avoid(following.origin, sender)
                return effects + refusal
            self._tails[following.origin] = following.head
            self._arrived.append(following)
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
        node, life, _ = entry.origin
        is_itself = sender == node
        if is_itself and (node, life) in members.ended:
            return self.views[sender].life == life
        return is_itself and node in members.fenced

    def _is_full(self) -> bool:
        """Say whether so much waits to be written that nothing more is taken; it is asked for again."""
        return self._arrived.is_full or self.failure is not None

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
        tail = self._tails.get(origin)
        if tail is None and origin in self._members.collapsed and origin not in self._lacking:
            return Head(self._members.closed[origin])
        return tail or _NOTHING

    # --- collapsed ---------------------------------------------------------------------------------------------------

    @property
    def is_lacking(self) -> bool:
        """Whether some origins have collapsed into the epoch and are still named here."""
        return bool(self._lacking)

    def is_retired(self, origin: Origin) -> bool:
        """Say whether an origin is named no more."""
        return origin in self._retired

    def lack(self, now_ms: int) -> None:
        """Ask for what is missing of origins that no vector names any more: whoever knows of the epoch has them."""
        for origin in self._lacking:
            number = self._members.closed[origin]
            if self._tail(origin).number < number:
                self._pulling.missing(origin, number, now_ms)

    def whole(self) -> list[Origin]:
        """Return origins that have collapsed into the epoch, and all of which is held here."""
        heads, closed = self.holdings.heads, self._members.closed
        return [
            origin
            for origin in sorted(self._lacking)
            if heads.get(origin, _NOTHING).number >= closed[origin]
        ]

    def retire(self, origin: Origin) -> None:
        """Name an origin no more that is held whole."""
        self._lacking.discard(origin)
        self._retired.add(origin)
        self.holdings.retire(origin)
        del self._tails[origin]

    def beyond(self) -> Origin | None:
        """Return an origin of which more is here than there is by what was stated, None if there is none."""
        for origin, tail in self._tails.items():
            if tail.number > self._members.closed.get(origin, tail.number):
                return origin
        return next(iter(self._retired - self._members.collapsed), None)

    # --- written -----------------------------------------------------------------------------------------------------

    def _write(self) -> list[Effect]:
        if self._writing or not self._arrived or self.failure is not None:
            return []
        self._writing = self._arrived.take()
        return [Keep(self._writing)]

    def kept(self) -> tuple[tuple[Entry, ...], list[Effect]]:
        """Take that what was being written is durable; return it, and what to do."""
        entries, self._writing = self._writing, ()
        for entry in entries:
            self.holdings.advance(entry.origin, entry.head)
        effects = self._write()
        owed, self._owed = sorted(self._owed), set()
        if self.epoch < self._members.epoch:
            self.epoch, owed = self._members.epoch, list(self.views)
        return entries, [*effects, *self.tell(owed, Answer.NONE)]

    def not_kept(self, why: str) -> None:
        """Take that a write has failed: nothing more is taken or said to be held in this life."""
        self.failure = why
        self._arrived.clear()
        self._writing = ()

    # --- asked -------------------------------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> list[Effect]:
        """Ask for what is missing."""
        return [*self._write(), *self._ask(now_ms)]

    def _ask(self, now_ms: int) -> list[Effect]:
        if self._pulling.is_idle or self._is_full():
            return []
        planned = self._pulling.plan(self._wanted, self._numbers(), now_ms)
        return [Send(peer, encode(pull)) for peer, pull in planned]

    def _numbers(self) -> Mapping[str, Mapping[Origin, int]]:
        """Return by node what it has: what it has said, and what collapsed at an epoch that it knows of."""
        if not self._lacking:
            return self.numbers()
        closed, may_have = self._members.closed, self._residency.may_have
        return {
            node: view.numbers | {o: closed[o] for o in self._lacking if may_have(node, o)}
            for node, view in self.views.items()
        }

    def _wanted(self, origin: Origin) -> int:
        """Return the number after which entries of an origin are asked for; a large one if none are."""
        if not self.may_have(origin):
            return 1 << 63
        if origin in self._forks or origin[:2] == (self._birth.node, self._birth.life):
            return 1 << 63
        number, closed = self._tail(origin).number, self._members.closed.get(origin)
        return 1 << 63 if closed is not None and number >= closed else number

    def pull(self, sender: str, pull: Pull) -> list[Effect]:
        """Take what another node asks for."""
        if self._looks >= limits.LOOKS_MAX:
            return []
        ranges = tuple(
            one
            for one in pull.ranges
            if one.first <= self._held(one.origin) and self._residency.may_have(sender, one.origin)
        )
        effects = trespass(sender, (one.origin for one in pull.ranges), self._residency)
        there, is_behind = self.collecting.split(ranges)
        if not there:
            return [*effects, *self._answer(sender, pull.number, (), is_behind=is_behind)]
        self._looks += 1
        told = self._answer(sender, 0, (), is_behind=True) if is_behind else []
        return [*effects, *told, Look(sender, pull.number, there)]

    def found(self, to: str, pull: int, entries: Sequence[Entry]) -> list[Effect]:
        """Take what was looked up for another node."""
        self._looks -= 1
        durable = [e for e in entries if e.number <= self._held(e.origin)]
        return self._answer(to, pull, durable)

    def _held(self, origin: Origin) -> int:
        """Return up to which number an origin is held, whether it is still named or not."""
        if origin in self._retired:
            return self._members.closed.get(origin, 0)
        return self.holdings.heads.get(origin, _NOTHING).number

    def _answer(
        self, to: str, pull: int, entries: Sequence[Entry], *, is_behind: bool = False
    ) -> list[Effect]:
        view = self.views.get(to)
        if view is None:
            return []
        told, view.told = view.told, self.holdings.version
        sealed = tuple(map(sealed_entry, self._residency.shown(to, entries)))
        news = self._news(to, told, entries=sealed, pull=pull)
        return [Send(to, encode(msgspec.structs.replace(news, is_behind=is_behind)))]

    # --- what must hold ----------------------------------------------------------------------------------------------

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        self._gaps.check_invariants()
        self._pulling.check_invariants()
        self._arrived.check_invariants()
        assert 0 <= self._looks <= limits.LOOKS_MAX
        assert not self._arrived or self._writing or self.failure, (
            "nothing waits while nothing is written"
        )
        for entry in (*self._writing, *self._arrived):
            held = self.holdings.heads.get(entry.origin, _NOTHING)
            assert entry.number > held.number, "what is held is not written again"


def _is_fenced(origin: Origin, members: Members) -> bool:
    """Say whether nothing more is taken of an origin from whoever writes it."""
    return origin.node in members.fenced or origin[:2] in members.ended
