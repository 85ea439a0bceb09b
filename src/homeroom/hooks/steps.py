"""What happens to deliveries, and what they want done: the events and effects of `homeroom.hooks.deliveries`.

Effects that are kept (`Kept`) say what a store is to remember; they are done in the order in which they come, all of
one step or none, and nothing of a step is sent before they are durable. Effects that look something up (`Sought`) are
done after them, and each has one answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from homeroom.hooks.messages import Delivery, MemberChange

__all__ = [
    "Advance",
    "Again",
    "Answered",
    "Bury",
    "Changed",
    "Drop",
    "DropDead",
    "Dropped",
    "Effect",
    "Event",
    "Finish",
    "Forget",
    "ForgetDead",
    "Keep",
    "Kept",
    "KeptLine",
    "KeptState",
    "KeptTry",
    "Load",
    "LoadAgain",
    "Loaded",
    "LoadedAgain",
    "Lose",
    "Measure",
    "Measured",
    "Missed",
    "Note",
    "Open",
    "Outcome",
    "Reopen",
    "Replay",
    "Result",
    "Send",
    "Sought",
    "Start",
    "Subscription",
    "Subscriptions",
    "Suspend",
    "Tick",
    "Trim",
    "Why",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who wants to be told of what.

    Parameters
    ----------
    webhook, tenant : which webhook, and whose
    cohorts : of which it is told; none named are all
    is_paused : changes wait, nothing is sent
    turn : grows whenever somebody pauses or resumes it; then a suspension by the target itself is over
    """

    webhook: str
    tenant: str
    cohorts: frozenset[str] = frozenset()
    is_paused: bool = False
    turn: int = 0

    def wants_some(self, cohorts: set[str]) -> bool:
        """Say whether it is told of changes of any of these cohorts."""
        return bool(cohorts) and (not self.cohorts or not self.cohorts.isdisjoint(cohorts))


class Result(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    NOT_ALLOWED = "not_allowed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, in words too; ``wait_ms`` is how long the target asks to be left alone."""

    result: Result
    why: str = ""
    wait_ms: int = 0


class Why(StrEnum):
    """Why changes are neither delivered nor dead letters."""

    BEHIND = "behind"
    DEAD_TOO_LONG = "dead_too_long"
    DROPPED = "dropped"
    FORGOTTEN = "forgotten"


# --- what comes in ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """These webhooks there are now. The first event of all, so that nothing is taken for nobody."""

    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """These are all changes of a tenant after a number, up to that of the last; numbers grow, not one by one."""

    tenant: str
    after: int
    changes: tuple[MemberChange, ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """Nobody knows any more what the changes of a tenant up to a number were."""

    tenant: str
    up_to: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `Load` found: changes in order, all that there are after ``after`` up to ``up_to``."""

    webhook: str
    after: int
    up_to: int
    changes: tuple[MemberChange, ...]


@dataclass(frozen=True, slots=True)
class LoadedAgain:
    """What `LoadAgain` found: the oldest dead letter that is wanted again, None if there is none."""

    webhook: str
    delivery: Delivery | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What `Measure` found: the number up to which there are too many changes of a tenant, 0 if there are not."""

    tenant: str
    floor: int


@dataclass(frozen=True, slots=True)
class Answered:
    """An attempt has ended."""

    webhook: str
    delivery: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Replay:
    """Send dead letters of a webhook again: those named, or all."""

    webhook: str
    deliveries: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget dead letters of a webhook: those named, or all. What is wanted again is on its way, and stays."""

    webhook: str
    deliveries: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """What `DropDead` came to: how many dead letters there are less."""

    webhook: str
    count: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event: TypeAlias = (
    Subscriptions
    | Changed
    | Missed
    | Measured
    | Loaded
    | LoadedAgain
    | Answered
    | Replay
    | Drop
    | Dropped
    | Tick
)


# --- what goes out: to be kept ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep changes of a tenant, and that all up to ``up_to`` were taken."""

    tenant: str
    changes: tuple[MemberChange, ...]
    up_to: int


@dataclass(frozen=True, slots=True)
class Trim:
    """Forget the changes of a tenant up to a number."""

    tenant: str
    up_to: int


@dataclass(frozen=True, slots=True)
class Start:
    """A webhook is there, and is told of changes after a number."""

    webhook: str
    tenant: str
    cursor: int


@dataclass(frozen=True, slots=True)
class Forget:
    """A webhook is gone, with all that waited for it."""

    webhook: str


@dataclass(frozen=True, slots=True)
class Advance:
    """A webhook has had, or does not want, what there was up to a number."""

    webhook: str
    cursor: int


@dataclass(frozen=True, slots=True)
class Open:
    """Changes are put together as deliveries, which take in everything up to ``cursor``."""

    webhook: str
    deliveries: tuple[Delivery, ...]
    cursor: int


@dataclass(frozen=True, slots=True)
class Note:
    """An attempt failed, and there will be another one."""

    webhook: str
    delivery: str
    attempts: int
    first_ms: int
    due_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Finish:
    """A delivery has arrived."""

    webhook: str
    delivery: str


@dataclass(frozen=True, slots=True)
class Bury:
    """A delivery was given up: a dead letter from now on."""

    webhook: str
    delivery: str
    attempts: int
    at_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class ForgetDead:
    """There are too many dead letters: keep of the oldest only its numbers."""

    webhook: str


@dataclass(frozen=True, slots=True)
class DropDead:
    """Keep of dead letters, those named or all, only the numbers, unless they are wanted again; say `Dropped`."""

    webhook: str
    deliveries: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Again:
    """Dead letters are wanted again: those named, or all."""

    webhook: str
    deliveries: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Reopen:
    """A dead letter is a delivery like any other again, the last of them."""

    webhook: str
    delivery: str


@dataclass(frozen=True, slots=True)
class Suspend:
    """The target asked to be told no more; ``why`` is None when that is over."""

    webhook: str
    turn: int
    why: str | None


@dataclass(frozen=True, slots=True)
class Lose:
    """Changes with numbers in this range are neither delivered nor kept for a webhook."""

    webhook: str
    why: Why
    first: int
    last: int


Kept: TypeAlias = (
    Keep
    | Trim
    | Start
    | Forget
    | Advance
    | Open
    | Note
    | Finish
    | Bury
    | ForgetDead
    | DropDead
    | Again
    | Reopen
    | Suspend
    | Lose
)


# --- what goes out: to be looked up, to be sent ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Load:
    """Look for at most ``count`` changes of these cohorts (none named: of all) in ``after < number <= up_to``."""

    webhook: str
    tenant: str
    cohorts: frozenset[str]
    after: int
    up_to: int
    count: int


@dataclass(frozen=True, slots=True)
class LoadAgain:
    """Look for the oldest dead letter that is wanted again."""

    webhook: str


@dataclass(frozen=True, slots=True)
class Measure:
    """Look whether more than ``count`` changes of a tenant are kept."""

    tenant: str
    count: int


Sought: TypeAlias = Load | LoadAgain | Measure


@dataclass(frozen=True, slots=True)
class Send:
    """Try a delivery, and say `Answered`; ``attempt`` counts from 1."""

    delivery: Delivery
    attempt: int


Effect: TypeAlias = Kept | Sought | Send


# --- what was kept ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeptTry:
    """A delivery that is open, and what became of it so far; ``first_ms`` is None before the first attempt failed."""

    delivery: Delivery
    attempts: int = 0
    first_ms: int | None = None
    due_ms: int = 0


@dataclass(frozen=True, slots=True)
class KeptLine:
    """What was kept of a webhook.

    Parameters
    ----------
    cursor : up to which number changes are in deliveries, or not wanted
    tries : open deliveries in their order
    dead, again : dead letters, and those of them that are wanted again
    suspended : the turn in which the target asked for no more, and in which words; None if it did not
    """

    cursor: int
    tries: tuple[KeptTry, ...] = ()
    dead: int = 0
    again: int = 0
    suspended: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class KeptState:
    """What a store remembers; by tenant the number up to which all was taken and up to which it is forgotten."""

    taken: Mapping[str, int] = field(default_factory=dict)
    trimmed: Mapping[str, int] = field(default_factory=dict)
    lines: Mapping[str, KeptLine] = field(default_factory=dict)
