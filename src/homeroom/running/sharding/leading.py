"""A node whose learners are in shards: its engine, and the thread that keeps the shards.

The node takes batches, writes its log and follows it as any node does; what follows gives entries to the shards, and
questions go to them. Its own state has no learners. A thread looks now and then whether all shards are there, has those
made anew that are not, moves some where machines have come or gone, and has them put in order what they hold while
nothing comes.

What a shard knows can be made again from the log; so a start begins with whatever is of use, and is over as soon as the
head has folded the log. Questions are refused until the shards have too.
"""

import threading
from collections.abc import Sequence
from contextlib import ExitStack

from homeroom import limits
from homeroom.cohorts.live import ShardsStatus, Shows, Trouble
from homeroom.cohorts.questions import Question
from homeroom.errors import ControlError, HomeroomError, NotInShardsError
from homeroom.log.entries import Entry
from homeroom.log.origins import Vector
from homeroom.log.store import Store
from homeroom.node.folding import Folding
from homeroom.running.live import Begun as Begins
from homeroom.running.live import Live
from homeroom.running.opening import NodeOptions, Opened
from homeroom.running.sharding.heading import Head
from homeroom.running.sharding.keeping import Keeper
from homeroom.running.sharding.options import ShardOptions
from homeroom.running.sharding.region import ShardedEngine
from homeroom.running.sharding.scale_requests import (
    MachineTold,
    MoreTold,
    ScaleAsked,
    ScaleTold,
    ShardTold,
)
from homeroom.running.sharding.shard_files import Begun
from homeroom.running.snapshots import Snapshots
from homeroom.scaling.engine import Gathered, ShardSize
from homeroom.scaling.slots import Slots

__all__ = ["Leading", "live_of"]


def _no_fold_anew(_until: Vector, _make: object, _begun: Begins) -> Folding:
    """Refuse to fold the log anew in place of what shards hold. Raises `NotInShardsError`."""
    raise NotInShardsError(
        "shards are folded anew when their node starts without the folder of shards in its data directory: stop it, "
        "remove that, and start it"
    )


class Leading:
    """The shards of a node, and their head.

    Parameters
    ----------
    head : what the start has found, and the head's own state
    parts : the log of the node, and its snapshots, which know the labels of ids
    options : how the shards are
    """

    def __init__(
        self, head: tuple[Head, Live], parts: tuple[Store, Snapshots], options: ShardOptions
    ) -> None:
        self._stack, self._options = ExitStack(), options
        (self._head, self._live), (store, snapshots) = head, parts
        self._stack.callback(self._head.journal.close)
        self._cluster = self._stack.enter_context(options.cluster(self._head.folder.parent))
        self.engine = ShardedEngine(
            (self._live, self._head.journal),
            self._head.count,
            self._cluster.share,
            labels=(snapshots.labels, self._head.files.labels),
        )
        self._keeper = Keeper(self.engine, self._cluster, store.read)
        self._sizes: tuple[ShardSize, ...] = ()
        self._trouble: str | None = None
        self._stopping = threading.Event()
        # What was folded when shards were put in order last.
        self._ordered, self._seen = Vector(), Vector()
        self._thread = threading.Thread(target=self._run, name="homeroom-shards", daemon=True)

    def start(self) -> None:
        """Begin to keep the shards."""
        self._thread.start()

    def stop(self) -> None:
        """Leave snapshots, and end all shards."""
        self._stopping.set()
        self.engine.is_to_be_mended.set()
        if self._thread.is_alive():
            self._thread.join()
        self.save()
        self.engine.close()
        self._stack.close()

    # --- what the node needs of them ---------------------------------------------------------------------------------

    def apply(self, entries: Sequence[Entry]) -> None:
        """Have all shards fold entries."""
        self.engine.apply(entries)

    def ask(self, tenant: str, question: Question, shows: Shows) -> Gathered:
        """Answer a question. Raises `QuestionError` and `ShardsAwayError`."""
        return self.engine.ask(tenant, question, self._options.missing, shows)

    def save(self) -> None:
        """Write snapshots of the head and of all shards."""
        live, journal = self._live, self._head.journal
        with self.engine.turn:
            begun = Begun(journal.life, journal.last, live.applied)
        try:
            self._head.files.write(begun, live, lambda: journal.last)
            self._keeper.save()
        except HomeroomError as error:
            self._trouble = f"no snapshot of shards could be written: {error}"
        else:
            self._trouble = None

    def counts(self, tenant: str) -> tuple[int, int]:
        """Return how many learners and events of a tenant there were in the shards a moment ago."""
        found = [one.tenants.get(tenant, (0, 0)) for one in self._sizes]
        return sum(learners for learners, _ in found), sum(events for _, events in found)

    def status(self) -> ShardsStatus:
        """Say which shards there are, and which are away."""
        lost = dict(self.engine.lost)
        return ShardsStatus(count=self.engine.shards, away=lost)

    def troubles(self) -> list[Trouble]:
        """Return what is wrong."""
        lost = sorted(dict(self.engine.lost).items())
        found = [
            Trouble(f"shard {number} of {self.engine.shards} is away: {why}")
            for number, why in lost
        ]
        return found if self._trouble is None else [*found, Trouble(self._trouble)]

    # --- what commands ask -------------------------------------------------------------------------------------------

    def scale(self, asked: ScaleAsked) -> ScaleTold:
        """Say how shards are; before that, cut all learners into as many as are asked for, while questions go on.

        Raises `ControlError` for a number that cannot be, `ShardsAwayError` where one of them cannot begin.
        """
        if asked.shards is not None and asked.shards != self.engine.shards:
            if not 0 < asked.shards <= limits.SHARDS_MAX:
                raise ControlError(
                    f"shards is {asked.shards}, must be from 1 to {limits.SHARDS_MAX}"
                )
            self._keeper.resize(asked.shards)
            self._head.keep_count(asked.shards)
            self.save()
        sizes, machines = self.engine.sizes(), self._cluster.machines()
        return ScaleTold(
            count=self.engine.shards,
            shards=tuple(map(self._told, sizes)),
            away=dict(self.engine.lost),
            machines=tuple(
                MachineTold(
                    name=one.name,
                    processors=one.processors,
                    shards=tuple(size.number for size in sizes if size.node == one.name),
                )
                for one in machines
            ),
            more=self._more(sizes),
        )

    def _told(self, size: ShardSize) -> ShardTold:
        slots = Slots(size.number, self.engine.shards)
        return ShardTold(
            number=size.number,
            slots=(slots.first, slots.end),
            learners=size.learners,
            events=size.events,
            memory_bytes=size.memory_bytes,
            questions=size.questions,
            asked_ms=size.asked_ms,
            folded_ms=size.folded_ms,
            machine=size.node,
        )

    def _more(self, sizes: Sequence[ShardSize]) -> MoreTold | None:
        gain = self._keeper.gain({one.number: one.memory_bytes for one in sizes})
        if gain is None or not sizes:
            return None
        each = sum(one.learners for one in sizes) / len(sizes)
        return MoreTold(
            moved=gain.moved,
            moved_bytes=gain.moved_bytes,
            learners_before=round(each * gain.most_before),
            learners_after=round(each * gain.most_after),
            speedup=round(gain.speedup, 2),
        )

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._beat()
            except HomeroomError as error:
                self._trouble = f"shards could not be looked after: {error}"
            self.engine.is_to_be_mended.wait(limits.SHARD_BEAT_MS / 1_000)

    def _beat(self) -> None:
        if self.engine.lost:
            self._keeper.mend()
        else:
            self._keeper.balance()
        self._sizes = self.engine.sizes()
        applied = self.engine.applied
        if applied == self._seen and applied != self._ordered:
            self.engine.upkeep()
            self._ordered = applied
            self._sizes = self.engine.sizes()
        self._seen = applied


def live_of(opened: Opened, options: NodeOptions) -> tuple[Live, Leading | None]:
    """Return the states of a node, and its shards where its learners are in shards: nothing runs in them yet."""
    if opened.head is None or options.shards is None:
        return Live(opened.folding, options.now_ms, opened.refolding.fold), None
    live = Live(opened.folding, options.now_ms, _no_fold_anew)
    parts = opened.store, opened.snapshots
    return live, Leading((opened.head, live), parts, options.shards)
