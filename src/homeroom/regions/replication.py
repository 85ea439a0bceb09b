"""How entries reach every node: told, sent, asked for, checked whole, written, and only then called held.

A node writes for itself and waits for nobody. What it has written it sends to the others once, in one message for all;
who misses that hears of it from somebody else a second later, and asks whoever has it. So an entry arrives by any path,
and a link may lose, repeat, delay and reorder as it likes: what is here is told by a number an origin, and everything
else follows from comparing these.

It is put together from what a life of a node knows (`homeroom.regions.knowledge`), what it tells and gives to others
(`telling`), what it asks of them (`pulling`), and how it takes what comes (`taking`). This module hears news, and
compares.

An entry that was redacted is the same entry: its header stands, and with it number, chain and sums. So it is taken like
any other. Where it meets a copy that was not redacted, in a buffer or in the log, it takes its place.

The way not taken is a tree or a leader that deals entries out: it is quicker while all is well, and has to be mended
first when it is not.
"""

from collections.abc import Iterable, Mapping, Sequence

from homeroom.log.entries import Entry
from homeroom.log.origins import Origin
from homeroom.regions.collecting import Collecting
from homeroom.regions.holdings import Holdings, View
from homeroom.regions.knowledge import NOTHING, Birth, Knowledge
from homeroom.regions.messages import Answer, News, Pull, encode
from homeroom.regions.pulling import Pulling
from homeroom.regions.residency import trespass
from homeroom.regions.steps import Alarm, AskSnapshot, Effect, Members, Send, Trouble
from homeroom.regions.taking import Taking
from homeroom.regions.telling import ReadClock, Telling

__all__ = ["Replication"]


class Replication:
    """Entries of one life of a node, on their way from and to others.

    Attributes
    ----------
    lives : by node which of its lives that was in, this node's own included, those to leave left out
    collecting : what the log has forgotten
    """

    def __init__(self, birth: Birth) -> None:
        self.lives = {birth.node: birth.life}
        self.collecting = Collecting(birth.begins)
        self._known = Knowledge(birth)
        self._pulling = Pulling(birth.life, birth.draw)
        self._taking = Taking(self._known, self._pulling)
        self._telling = Telling(self._known, self.collecting)
        self._owed: set[str] = set()
        self._clones: set[str] = set()

    @property
    def holdings(self) -> Holdings:
        """What is durable here."""
        return self._known.holdings

    @property
    def views(self) -> dict[str, View]:
        """By node what it has said that it holds."""
        return self._known.views

    @property
    def epoch(self) -> int:
        """Of the control stream, up to which this node says that it knows it."""
        return self._telling.epoch

    @property
    def failure(self) -> str | None:
        """Why nothing is written any more, None while all is well."""
        return self._taking.failure

    @property
    def has_dropped(self) -> bool:
        """Whether an entry came too early that found no room to wait; it is asked for again."""
        return self._taking.has_dropped

    # --- who there is ------------------------------------------------------------------------------------------------

    def members(self, members: Members, now_ms: int) -> list[str]:
        """Take who belongs to the world; return the nodes that are new, to be asked for all that they hold."""
        if self._taking.fence(members, now_ms):
            self._telling.epoch = members.epoch
        if self._known.take(members):
            self._taking.look_again(now_ms)
        new = self._known.meet()
        self._see_lives()
        self._owed &= self.views.keys()
        return new

    def numbers(self) -> dict[str, dict[Origin, int]]:
        """Return by node what it has said that it holds."""
        return self._known.numbers()

    def complete(self) -> frozenset[str]:
        """Return the others that have said that they hold all that has collapsed into this epoch."""
        return self._known.complete()

    def _see_lives(self) -> None:
        birth, fenced = self._known.birth, self._known.members.fenced
        lives = {node: view.life for node, view in self.views.items()} | dict([birth.name])
        self.lives = {n: life for n, life in lives.items() if n not in fenced}

    def shares_documents(self, node: str) -> bool:
        """Say whether a node may have the documents of this one."""
        return node in self._known.residency.writers(self._known.birth.node)

    def may_have(self, origin: Origin) -> bool:
        """Say whether this node may have entries of an origin."""
        return self._known.may_have(origin)

    # --- told --------------------------------------------------------------------------------------------------------

    def committed(self, entries: Sequence[Entry], answer: Answer) -> list[Effect]:
        """Take entries that this node has made durable, and send them to all who keep up."""
        self._taking.committed(entries)
        return self._telling.committed(entries, answer)

    def tell(
        self, nodes: Iterable[str], answer: Answer, read_clock: ReadClock | None = None
    ) -> list[Effect]:
        """Tell nodes what has changed here since they were told last."""
        return self._telling.tell(nodes, answer, read_clock)

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
        # Only who was asked may say that what was asked for is forgotten: it has this state exchanged for its own.
        is_behind = news.is_behind and self._pulling.has_asked(sender)
        is_over = (sender, news.life) in self._known.members.ended
        if is_over or view.is_past(news.life, now_ms):
            return self._news_of_past(sender, news, [] if is_over else entries, now_ms)
        is_new_life = news.life != view.life
        has_missed = view.take(news, now_ms)
        if is_new_life:
            self._see_lives()
        effects = self._compare(sender, news, now_ms)
        effects += trespass(sender, (item.origin for item in news.items), self._known.residency)
        for entry in entries:
            effects += self._taking.admit(entry, sender)
        if news.pull:
            brought = {entry.origin for entry in entries}
            self._pulling.answered(sender, news.pull, brought, now_ms)
            effects += self._ask(now_ms)
        effects += self._taking.write()
        if is_behind and self.collecting.may_fetch(now_ms):
            effects.append(AskSnapshot(sender))
        effects += self._reply(sender, news.answer, read_clock)
        if has_missed and view.may_ask(now_ms):
            effects += self.tell([sender], Answer.ALL, read_clock)
        return effects

    def _news_of_past(
        self, sender: str, news: News, entries: Sequence[Entry], now_ms: int
    ) -> list[Effect]:
        """Take entries out of news of an earlier life, as far as they may be here, and nothing else of it."""
        effects = [effect for entry in entries for effect in self._taking.admit(entry, sender)]
        if self.views[sender].spoke(news.life, now_ms) and sender not in self._clones:
            self._clones.add(sender)
            why = (
                f"two processes run under the name {sender}: a machine was copied. What both have written is taken; "
                f"stop one, and give it a name and a key of its own"
            )
            effects.append(Alarm(Trouble.CLONE, why, sender))
        return effects + self._taking.write()

    def _reply(self, sender: str, wanted: Answer, read_clock: ReadClock) -> list[Effect]:
        """Tell another node what it wanted to hear, once that is true."""
        if wanted is Answer.ALL:
            self.views[sender].told = 0
        elif wanted is Answer.WHEN_HELD and self._taking.writing:
            self._owed.add(sender)
            return []
        return [] if wanted is Answer.NONE else self.tell([sender], Answer.NONE, read_clock)

    def _compare(self, sender: str, news: News, now_ms: int) -> list[Effect]:
        """Look for what is missing here, and for what another node has written otherwise at the same number."""
        effects: list[Effect] = []
        taking, heads, tails = self._taking, self.holdings.heads, self._taking.tails
        for item in news.items:
            origin, number = item.origin, item.number
            tail = tails.get(origin) or taking.tail(origin)
            if number > tail.number:
                if self.may_have(origin):
                    self._pulling.missing(origin, number, now_ms)
                continue
            mine = heads.get(origin, NOTHING)
            if mine.number == number and not mine.digest.startswith(item.head):
                effects += taking.doubt(origin, sender)
        return effects

    # --- collapsed ---------------------------------------------------------------------------------------------------

    @property
    def is_lacking(self) -> bool:
        """Whether some origins have collapsed into the epoch and are still named here, or a cut waits for some."""
        return bool(self._known.lacking or self._known.covered)

    def is_retired(self, origin: Origin) -> bool:
        """Say whether an origin is named no more."""
        return origin in self._known.retired

    def cover(self, numbers: Mapping[Origin, int]) -> None:
        """Take up to which numbers a cut covers entries that waits here for those that are not."""
        self._known.covered = numbers

    def lack(self, now_ms: int) -> None:
        """Ask for what is missing of origins that no vector names any more: whoever knows of the epoch has them.

        So has whoever has made a cut that waits here, of what it covers. Where a node was put back from an old copy,
        what it has lost may have collapsed since; but that was stated after the cut, and is not folded before it.
        """
        wanted = {origin: self._known.members.closed[origin] for origin in self._known.lacking}
        for origin, number in {**self._known.covered, **wanted}.items():
            if self._taking.tail(origin).number < number:
                self._pulling.missing(origin, number, now_ms)

    def whole(self) -> list[Origin]:
        """Return origins that have collapsed into the epoch, and all of which is held here."""
        return self._known.whole()

    def retire(self, origin: Origin) -> None:
        """Name an origin no more that is held whole."""
        self._known.retire(origin)
        self._taking.forget(origin)

    def beyond(self) -> Origin | None:
        """Return an origin of which more is here than there is by what was stated, None if there is none."""
        return self._taking.beyond()

    # --- written -----------------------------------------------------------------------------------------------------

    def kept(self) -> tuple[tuple[Entry, ...], list[Effect]]:
        """Take that what was being written is durable; return it, and what to do."""
        entries = self._taking.kept()
        effects = self._taking.write()
        owed, self._owed = sorted(self._owed), set()
        if self.epoch < self._known.members.epoch:
            self._telling.epoch, owed = self._known.members.epoch, list(self.views)
        return entries, [*effects, *self.tell(owed, Answer.NONE)]

    def not_kept(self, why: str) -> None:
        """Take that a write has failed: nothing more is taken or said to be held in this life."""
        self._taking.not_kept(why)

    # --- asked -------------------------------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> list[Effect]:
        """Ask for what is missing."""
        return [*self._taking.write(), *self._ask(now_ms)]

    def _ask(self, now_ms: int) -> list[Effect]:
        if self._pulling.is_idle or self._taking.is_full:
            return []
        planned = self._pulling.plan(self._taking.wanted, self._known.havers(), now_ms)
        return [Send(peer, encode(pull)) for peer, pull in planned]

    def pull(self, sender: str, pull: Pull) -> list[Effect]:
        """Take what another node asks for."""
        return self._telling.pull(sender, pull)

    def found(self, to: str, pull: int, entries: Sequence[Entry]) -> list[Effect]:
        """Take what was looked up for another node."""
        return self._telling.found(to, pull, entries)

    # --- what must hold ----------------------------------------------------------------------------------------------

    def check_invariants(self) -> None:
        """Assert what must hold after every step."""
        for part in (self._pulling, self._taking, self._telling):
            part.check_invariants()
