"""What the interfaces need of a node, and nothing more.

The pages, the record store and the HTTP interface stand before something that takes batches, answers questions and
takes changes. The running node is that; in the tests it is a log and a state in memory. None of the interfaces knows
which.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from homeroom.cohorts.answers import Answer
from homeroom.cohorts.live import LiveAnswer, Shows, Status, TrafficStatus, Wanted
from homeroom.cohorts.membership.changes import ChangesPage
from homeroom.cohorts.membership.reading import CohortsNow, LearnerNow, MembersPage, Told
from homeroom.cohorts.questions import Question
from homeroom.events.sent import SentBatch
from homeroom.hooks.standing import Created, DeadLetter, WebhookShown
from homeroom.log.certificates import Certificate
from homeroom.log.consents import Says
from homeroom.log.control import Control, Fact, Readmitted
from homeroom.log.erasures import Learner
from homeroom.log.log import Accepted, Refused
from homeroom.log.origins import Token
from homeroom.node.explained import CellAsked, CellExplained
from homeroom.regions.steps import Level
from homeroom.state.conflicts import Conflicts

__all__ = [
    "Serving",
    "ServingAll",
    "ServingErasures",
    "ServingMembership",
    "ServingPersons",
    "ServingTraffic",
    "ServingWebhooks",
    "Shared",
]


class Shared(StrEnum):
    """Whether places that tenants share are told of, with their sizes: to whoever runs the node."""

    TOLD = "told"
    LEFT_OUT = "left out"


class Serving(Protocol):
    """A node, as those who stand before it see it."""

    async def offer(self, tenant: str, owner: str, batch: SentBatch) -> Accepted | Refused:
        """Take a batch of a key's owner; return when it is durable, or why it is not."""

    def stamp_after(self, stamp: int) -> None:
        """Stamp what is offered from now on later than this, if it is a stamp that a sound node can have given."""

    async def offer_held(
        self, tenant: str, owner: str, batch: SentBatch, level: Level
    ) -> tuple[Accepted | Refused, Level]:
        """Take a batch; return when it is held at a level, or the time for that is over, and the level it has reached.

        What is refused is held nowhere.
        """

    async def ask(
        self,
        tenant: str,
        question: Question,
        after: Token | Wanted | None,
        shows: Shows,
        tell: Callable[[Answer], bytes],
    ) -> LiveAnswer:
        """Answer a question from a state that holds what is wanted, or the entry ``after``; ``shows`` says what of ids.

        ``tell`` is called in the thread that answers. It may take long, and nobody waits for it but who has asked.
        Raises `QuestionError`, and `NotYetError` or `NotFreshError` where that has not come in time.
        """

    async def explain(self, tenant: str, asked: CellAsked, shows: Shows) -> CellExplained:
        """Return why a cell became other.

        Raises `QuestionError` where it cannot be said, `NotYetError` where the end of what is asked has not come within
        the time that a read waits, `StoreError` where the log cannot be read.
        """

    async def conflicts(self, tenant: str, days: int) -> Conflicts:
        """Return where nodes said different things of one thing, for times of the last days or later."""

    async def change(self, fact: Fact, author: str) -> Token:
        """State a fact; return when it is durable and counts here.

        Raises `ControlError`, `QuestionError` or `MappingError` if it makes no sense, `StoreError` if it cannot be
        written.
        """

    def status(self, tenant: str) -> Status:
        """Say how the node is. A tenant that is not there has no learners."""

    def control(self) -> Control:
        """Return what was stated so far."""

    def lacks_facts(self) -> bool:
        """Say whether more was stated than this node knows, as far as it has heard."""


class ServingMembership(Protocol):
    """Who is in which cohort now: kept true as events come and days pass, see `homeroom.cohorts.membership`.

    Every read takes ``after``: with the token of an acknowledgement, or of a change of a definition, it waits until
    that is in, up to a limit. All raise `QuestionError` for what is not there, and the waiting ones `NotYetError`.
    """

    async def cohorts(self, tenant: str, after: Token | None) -> CohortsNow:
        """Return all cohorts that are kept, with their sizes."""

    async def members(
        self, tenant: str, cohort: str, cursor: int, count: int, after: Token | None
    ) -> MembersPage:
        """Return some members of a cohort from a cursor on, 0 for the first ones.

        Raises `NotYetError` also for a cohort about which all learners are just being asked.
        """

    async def cohorts_of(self, tenant: str, learner: str, after: Token | None) -> LearnerNow:
        """Return the cohorts of one learner, by its pseudonym."""

    def changes(self, tenant: str, after: int, count: int, cohort: str | None) -> ChangesPage:
        """Return changes after a number, at most so many, of one cohort or of all."""

    def listen(self, tenant: str, after: int | None) -> AsyncIterator[Told]:
        """Tell changes after a number (None: from now on) as they are found, and how fresh memberships are."""


class ServingErasures(Protocol):
    """The erasures of a node; see `homeroom.running.erasing`."""

    def raw_keys(self, tenant: str, learners: Sequence[Learner]) -> list[int]:
        """Return the raw keys of learners, each a pseudonym or (issuer, account), as 128-bit numbers.

        Raises `InputError` for one that is neither, `ControlError` for a tenant that is not there.
        """

    async def erase(self, tenant: str, keys: Iterable[int], author: str) -> Certificate:
        """Erase people by raw keys, and all that are merged with these; return when it is durable and counts.

        Raises `ControlError` if it makes no sense or there is no register, `ErasureError` and `StoreError` where it
        cannot be written.
        """

    def certificates(self, tenant: str | None) -> list[Certificate]:
        """Return how far the erasures of a tenant are, the newest last."""

    def find(self, tenant: str, name: str) -> Certificate:
        """Return how far an erasure is. Raises `ControlError` if there is none of this name."""

    def readmission(self, tenant: str, name: str) -> Readmitted:
        """Return the fact that those who were erased may come again from now on. Raises `ControlError` like `find`."""


class ServingPersons(Protocol):
    """The rights of persons on a node; see `homeroom.running.persons`."""

    def raw_key(self, tenant: str, learner: Learner) -> int:
        """Return the raw key of a learner, a pseudonym or (issuer, account), as a 128-bit number.

        Raises `InputError` for one that is neither, `ControlError` for a tenant that is not there.
        """

    def consents(self, tenant: str, key: int) -> dict[str, Any]:
        """Return what was said by a person, and what may be done by that, as plain data."""

    async def say(self, tenant: str, key: int, purpose: str, says: Says) -> Sequence[object]:
        """State a consent of a person, or with no purpose a restriction; return when it counts.

        Raises `ControlError` and `InputError` if it makes no sense, `StoreError` if it cannot be written.
        """

    async def rectify(
        self,
        tenant: str,
        account: tuple[str, str],
        void: Sequence[str],
        events: Sequence[Mapping[str, Any]],
    ) -> dict[str, int]:
        """Void events of a person by their ids, and have others take their place; return when it counts.

        Raises `ControlError` and `InputError` if it makes no sense, `StoreError` if it cannot be written.
        """

    async def archive(self, tenant: str, key: int) -> bytes:
        """Return all that is kept of a person, as a ZIP file. Raises `RightsError` if it is too much for one."""

    async def compliance(self, tenant: str, shared: Shared) -> dict[str, Any]:
        """Return what is kept of a tenant's persons, where, for how long, and what they ask for, as plain data."""


class ServingAll(Serving, ServingMembership, Protocol):
    """A node, as the HTTP interface needs it."""

    @property
    def erasures(self) -> ServingErasures:
        """The erasures of the node."""

    @property
    def persons(self) -> ServingPersons:
        """The rights of persons on the node."""


class ServingTraffic(Protocol):
    """Where requests go, as the node sees it; see `homeroom.running.traffic`."""

    def document(self) -> bytes:
        """Return the newest routing table as it is handed out; empty where there is none, or none that counts."""

    @property
    def is_draining(self) -> bool:
        """Whether the node is being emptied by order."""

    def status(self) -> TrafficStatus:
        """Return where requests go, and why."""


class ServingWebhooks(Protocol):
    """The webhooks of a node. A webhook of another tenant is none.

    All raise `StoreError` where deliveries cannot be read or kept, and `ControlError` for a webhook that is not there
    and for what is over a bound.
    """

    async def list(self, tenant: str) -> Sequence[WebhookShown]:
        """Return the webhooks of a tenant, the oldest first, and how they stand."""

    async def one(self, tenant: str, webhook: str) -> WebhookShown:
        """Return one webhook and how it stands."""

    async def create(self, tenant: str, url: str, cohorts: Sequence[str], author: str) -> Created:
        """Have a webhook that is told of these cohorts, or of all; return its secret, this once.

        Raises `WebhookError` where the address may not be reached, and `SourceError` where no secret can be kept.
        """

    async def change_secret(
        self, tenant: str, webhook: str, overlap_ms: int, author: str
    ) -> Created:
        """Sign with a new secret, and for a while with the one before it; return the new one, this once.

        Raises `SourceError` where no secret can be kept.
        """

    async def delete(self, tenant: str, webhook: str, author: str) -> None:
        """Have a webhook no more, nor what waits for it."""

    async def pause(self, tenant: str, webhook: str, author: str) -> None:
        """Send nothing to a webhook; what changes waits."""

    async def resume(self, tenant: str, webhook: str, author: str) -> None:
        """Send again, also to a target that asked for no more."""

    async def dead_letters(
        self, tenant: str, webhook: str, after: int, count: int
    ) -> Sequence[DeadLetter]:
        """Return at most so many dead letters, those after a place."""

    async def replay(self, tenant: str, webhook: str, deliveries: Sequence[str] | None) -> None:
        """Send dead letters again, those named or all."""

    async def drop(self, tenant: str, webhook: str, deliveries: Sequence[str] | None) -> None:
        """Forget dead letters, those named or all."""
