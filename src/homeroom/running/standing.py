"""How a running node is: put together from what each of its parts says of itself.

Parts keep what is wrong with them where it happens, in words, for as long as it lasts; here it is only gathered. So
nothing has to be told when it is over, and a trouble cannot outlive its part.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from homeroom.clock import hybrid_ms
from homeroom.cohorts.live import Status, Trouble
from homeroom.log.store import Store
from homeroom.node.admission import Doors
from homeroom.running.belonging import Belonging
from homeroom.running.checking import Checker
from homeroom.running.committing import Committer
from homeroom.running.facts import Facts
from homeroom.running.following import Follower
from homeroom.running.live import Live
from homeroom.running.memberships import Memberships
from homeroom.running.recording import RecordReader
from homeroom.running.sharding.leading import Leading
from homeroom.running.world_status import world_status, world_troubles

__all__ = ["Standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Tells how a node is, from any thread.

    Parameters
    ----------
    store, live, doors, recorder, memberships, facts, follower, committer, checker, belonging, shards : parts of the
        node
    opening : what was wrong with what the start found
    of_snapshots : returns by tenant what is wrong with its snapshots
    now_ms : the clock of the machine

    Attributes
    ----------
    watched : whoever beside the node says what is wrong
    """

    store: Store
    live: Live
    doors: Doors
    recorder: RecordReader
    memberships: Memberships
    facts: Facts
    follower: Follower
    committer: Committer
    checker: Checker
    belonging: Belonging | None
    shards: Leading | None
    opening: Sequence[Trouble]
    of_snapshots: Callable[[], Mapping[str, str]]
    now_ms: Callable[[], int]
    watched: list[Callable[[], Sequence[Trouble]]] = field(default_factory=list)

    def status(self, tenant: str) -> Status:
        """Say how the node is. A tenant that is not there has no learners."""
        live = self.live
        learners, events = 0, 0
        if self.shards is not None:
            learners, events = self.shards.counts(tenant)
        elif tenant in live.tenants():
            # What was noted with the last fold: whoever asks how the node is never waits for a question to end.
            noted, _ = live.overview(tenant)
            learners, events = noted.numbers.learners, noted.events
        made, now_ms = live.cuts(), self.now_ms()
        return Status(
            learners=learners,
            events=events,
            applied=live.named(live.applied),
            held=live.named(self.store.held()),
            ages_ms={
                str(origin): max(now_ms - hybrid_ms(stamp), 0)
                for origin, stamp in live.stamps.items()
            },
            epoch=live.control.epoch,
            troubles=self.troubles(),
            is_ready=self.committer.trouble is None,
            cut_events=self.doors.cut_events.total() + live.cut_events,
            checked=self.checker.status,
            history_from=made[tenant].date if tenant in made else None,
            lost=made[tenant].lost if tenant in made else 0,
            lost_of_all=sum(cut.lost for cut in made.values()),
            record_conflicts=self.recorder.conflicts,
            world=world_status(self.belonging, live.applied),
            shards=None if self.shards is None else self.shards.status(),
        )

    def troubles(self) -> tuple[Trouble, ...]:
        """Return all that is wrong."""
        live = self.live
        parts = (self.committer, self.follower, self.recorder)
        of_tenants = (
            *self.of_snapshots().items(),
            *self.memberships.troubles.items(),
            *self.facts.retention.troubles.items(),
            *live.refused.items(),
        )
        why = (
            "its events count nowhere: it was stated by a node that was the home no more. State it at the home: "
            "homeroom tenant add, wanted or not, for until then this log forgets nothing, and no other node gets a "
            "snapshot of this one"
        )
        doubts = () if live.doubt is None else (live.doubt,)
        stopped = (
            *live.troubles.values(),
            *live.waiting.values(),
            *live.alarms,
            *doubts,
        )
        return (
            *(Trouble(one.trouble) for one in parts if one.trouble is not None),
            *(Trouble(text, tenant) for tenant, text in of_tenants),
            *(one for troubles in self.watched for one in troubles()),
            *(() if self.shards is None else self.shards.troubles()),
            *map(Trouble, stopped),
            *(Trouble(why, name) for name in sorted(live.unknown)),
            *self.opening,
            *self.checker.troubles,
            *world_troubles(self.belonging),
        )
