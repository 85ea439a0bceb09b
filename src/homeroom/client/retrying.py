"""What is tried again, when and where, and when it is given up: decided without a socket, a clock or a wait.

A request to a node may be sent again as often as one likes, to any node of the world: batches have ids, and everything
else says the same when it is said twice. So the question is not whether a retry does harm to the data but whether it
does harm to the nodes. A node that is too busy answers late; a thousand clients that all try again three times make of
it one that answers nobody. Hence three brakes. When all endpoints have been tried, pauses double, and a random part of
each is waited ("full jitter"), so that clients which failed together do not come back together. What a node asks for
(``Retry-After``) is waited at least. And retries come out of a budget that requests pay into, one for ten.

An empty budget puts a retry off rather than refusing it, and earns one every few seconds by time alone: a client with
a single batch must find out that its node is back. One retry is made on credit: when a connection is lost, a request
moves to another endpoint at once, for it was no load where it is lost. Who is silent may as well have too much to do;
there a request moves on credit only to an endpoint that has answered others meanwhile, and first to another region, for
a region dies whole. What ends the trying is the time limit that the
caller has set. A number of attempts was not taken for that: nobody who sets one knows how long it will last.

A read that is late, by its endpoint's own past, is asked of a second endpoint as well, and the first answer counts
("hedged requests": Dean and Barroso, "The Tail at Scale", 2013); that has a budget of its own. A write never is: it
moves, under the same batch id, when its attempt has ended.
"""

import random
from dataclasses import dataclass
from typing import Final, TypeAlias

from homeroom import limits
from homeroom.client.budgets import Budget, Hedges
from homeroom.client.endpoints import Endpoints
from homeroom.client.measures import Kind, Loss
from homeroom.client.routes import Endpoint

__all__ = [
    "ELSEWHERE",
    "RETRIED",
    "Answered",
    "Begun",
    "Done",
    "Event",
    "Exchange",
    "Failed",
    "GiveUp",
    "Instruction",
    "Keep",
    "Late",
    "Retrying",
    "Try",
    "Wait",
    "Waited",
]

RETRIED: Final = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same request may have another answer (RFC 9110, 15.5.9, 15.6; RFC 6585, 4)."""

ELSEWHERE: Final = 421
"""The status of a node that takes nothing of this tenant, and says which regions do (RFC 9110, 15.5.20)."""
_OF_THE_KEY: Final = frozenset({429})
"""To ask another node then would be to get more out of the world than this key may."""
_OF_THE_NODE: Final = frozenset({502, 503})
_LOST: Final = frozenset({Loss.BROKEN, Loss.UNREACHABLE})

# --- what happens, and what is to be done ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    """Somebody wants an answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer came.

    Parameters
    ----------
    status : of the answer
    retry_after_ms : what it asks to wait, None if it asks for nothing
    at : the endpoint that gave it; None for the only one that was asked
    regions : with 421, those that take the tenant's data
    home : the node that alone takes what was asked, if the answer names one
    is_own : whether it is in the words of a node, and not of something that stands before it
    """

    status: int
    retry_after_ms: int | None = None
    at: str | None = None
    regions: tuple[str, ...] = ()
    home: str = ""
    is_own: bool = True

    @property
    def why(self) -> str:
        """What is told to people where it is tried again."""
        return f"the answer was {self.status}"


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer came; ``why`` is told to people, ``loss`` says what it means, ``at`` which endpoint it was."""

    why: str
    loss: Loss = Loss.BROKEN
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Waited:
    """The pause is over."""


@dataclass(frozen=True, slots=True)
class Late:
    """The attempt that is under way has taken as long as `Exchange.late_in_ms` said."""


@dataclass(frozen=True, slots=True)
class Try:
    """Make the request at an endpoint, beside those that are under way.

    Parameters
    ----------
    time_ms_max : how long it may take
    at : address of the endpoint
    connect_ms_max : how long the connection may take, None for as long as all of it
    """

    time_ms_max: int
    at: str = ""
    connect_ms_max: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so long."""

    wait_ms: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Wait for what is under way."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer that came is the one; what is under way besides is of no use any more."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """There will be no other answer; ``why`` is told to people."""

    why: str


Event: TypeAlias = Begun | Answered | Failed | Waited | Late
Instruction: TypeAlias = Try | Wait | Keep | Done | GiveUp


# --- the machine -----------------------------------------------------------------------------------------------------


class Retrying:
    """How one client tries again.

    Parameters
    ----------
    time_ms_max : how long a request may take with all its retries
    attempt_ms_max : how long one attempt may take
    generator : draws the pauses
    endpoints : where requests go; one that has no name if nobody says
    """

    def __init__(
        self,
        time_ms_max: int,
        attempt_ms_max: int,
        generator: random.Random,
        endpoints: Endpoints | None = None,
    ) -> None:
        self.time_ms_max = time_ms_max
        self.attempt_ms_max = attempt_ms_max
        self.generator = generator
        self.endpoints = endpoints or Endpoints([Endpoint("")], generator)
        self.budget = Budget()
        self.hedges = Hedges()

    def exchange(self, kind: Kind = Kind.WRITE) -> "Exchange":
        """Return the machine of one request."""
        return Exchange(self, kind)


class Exchange:
    """One request, from its first attempt to its end.

    Parameters
    ----------
    retrying : of the client
    kind : whether it may be asked of two endpoints at once
    """

    def __init__(self, retrying: Retrying, kind: Kind = Kind.WRITE) -> None:
        self._of = retrying
        self._kind = kind
        self._began_ms = 0
        self._rounds = 0  # times that all endpoints were tried
        self._failed_ms = 0  # when the last attempt did
        self._late = 0  # attempts that had no answer in time
        self._has_moved = self._may_be_late = False
        self._has_credit = False  # whether it was lost where it was no load
        self._may_be_told_better = False  # whether nothing was said of having too much to do
        # Until when a budget puts it off at most.
        self._due_ms: int | None = None
        # Until when it rests, as all endpoints were tried; None while some were not.
        self._rest_ms: int | None = None
        self._why = "no answer"  # of the last attempt, in words for people
        self._home = ""  # the node that alone takes it, by its own name
        self._tried: set[str] = set()  # in this round
        # Of these, whom nothing was heard of for as long as was waited.
        self._silent: set[str] = set()
        # Asked though something stood against them, for all requests.
        self._trials: set[str] = set()
        self._asked_ms: dict[str, int] = {}  # by endpoint of this round until when it asks to wait
        self._flying: dict[str, int] = {}  # by endpoint when the attempt began that has not ended
        self.attempts = 0
        self.last = ""
        """The endpoint that answered last."""

    @property
    def late_in_ms(self) -> int | None:
        """How long to wait for the attempt that was begun before `Late` is worth telling; None if it never is."""
        if self._kind is not Kind.READ or len(self._flying) != 1 or not self._may_be_late:
            return None
        (url,) = self._flying
        endpoints = self._of.endpoints
        return endpoints.late_ms(url, self._kind) if endpoints.has_others(url) else None

    @property
    def is_hedged(self) -> bool:
        """Whether two attempts are under way."""
        return len(self._flying) > 1

    def go_on(self, now_ms: int) -> None:
        """Begin anew: what was asked for has come in part, and the rest is a request of its own."""
        self._began_ms, self._rounds, self._has_moved = now_ms, 0, False
        self._of.budget.earn(now_ms)
        for url in self._flying:
            self._of.endpoints.heard(url, now_ms)

    def step(self, event: Event, now_ms: int) -> Instruction:
        """Return what is to be done after something has happened at an instant, in milliseconds of any one clock."""
        match event:
            case Begun():
                assert not self.attempts, "a request begins once"
                self._began_ms = now_ms
                self._of.budget.earn(now_ms)
                if self._kind is Kind.READ:
                    self._of.hedges.earn()
                return self._held_back(now_ms) or self._try(now_ms)
            case Waited():
                return self._put_off(now_ms) or self._held_back(now_ms) or self._try(now_ms)
            case Late():
                return self._hedged(now_ms)
            case Failed():
                return self._failed(event, now_ms)
            case Answered():
                return self._answered(event, now_ms)

    def _held_back(self, now_ms: int) -> Instruction | None:
        """Wait while every endpoint is left alone, if there is time for that, and more than one."""
        endpoints = self._of.endpoints
        wait_ms = endpoints.opens_in_ms(now_ms) if len(endpoints.order) > 1 else 0
        return Wait(wait_ms) if 0 < wait_ms < self._left_ms(now_ms) else None

    # --- attempts ----------------------------------------------------------------------------------------------------

    def _try(self, now_ms: int) -> Instruction:
        left_ms = self._left_ms(now_ms)
        if self.attempts and left_ms <= 0:
            return GiveUp(f"{self._why}{self._told(0)}")
        endpoints = self._of.endpoints
        home = endpoints.named(self._home)
        if home is None or home.url in self._tried:
            home = self._next(now_ms)
        found = home or endpoints.any(self._kind, now_ms)
        return self._at(found, max(1, left_ms), now_ms)

    def _next(self, now_ms: int) -> Endpoint | None:
        """Return who is asked next, None if all were: after silence another region, which may still be there."""
        return self._away(self._of.endpoints.near(self._silent), self._tried, now_ms)

    def _away(self, near: set[str], tried: set[str], now_ms: int) -> Endpoint | None:
        """Return the best that was not tried and is none of those near, or of those if nobody else is left."""
        endpoints = self._of.endpoints
        found = endpoints.next(self._kind, now_ms, tried | near) if near else None
        return found or endpoints.next(self._kind, now_ms, tried)

    def _at(self, endpoint: Endpoint, left_ms: int, now_ms: int) -> Try:
        time_ms_max, connect_ms_max = min(left_ms, self._of.attempt_ms_max), None
        if self._of.endpoints.has_others(endpoint.url):
            patience_ms = self._of.endpoints.patience_ms(endpoint.url, self._kind)
            time_ms_max = min(time_ms_max, patience_ms << min(self._late, 20))
            connect_ms_max = min(time_ms_max, limits.ENDPOINT_CONNECT_MS)
        self._may_be_late = True
        self.attempts += 1
        self._tried.add(endpoint.url)
        self._flying[endpoint.url] = now_ms
        if not self._of.endpoints.is_closed(endpoint.url):
            self._trials.add(endpoint.url)
        self._of.endpoints.begun(endpoint.url, time_ms_max, now_ms)
        return Try(time_ms_max, endpoint.url, connect_ms_max)

    def _hedged(self, now_ms: int) -> Instruction:
        """Ask a second endpoint, if there is one that is well, and second questions are left."""
        found = self._elsewhere(now_ms)
        left_ms, is_late = self._left_ms(now_ms), self.late_in_ms is not None
        self._may_be_late = False
        if not is_late or found is None or left_ms <= 0 or not self._of.hedges.take():
            return Keep()
        return self._at(found, left_ms, now_ms)

    def _elsewhere(self, now_ms: int) -> Endpoint | None:
        """Return whom to ask beside what is under way: another region, if this one has been silent since then.

        Where a node of the region has answered anybody meanwhile, only the node that was asked is slow, and its
        neighbour is the quickest that there is.
        """
        endpoints = self._of.endpoints
        near = endpoints.near(self._flying)
        if not all(endpoints.is_silent(url, self._began_ms) for url in near):
            near = set()
        return self._away(near, self._tried | self._flying.keys(), now_ms)

    # --- how they end ------------------------------------------------------------------------------------------------

    def _landed(self, at: str | None) -> tuple[str, int]:
        """Return the endpoint whose attempt has ended, and when it began."""
        url = next(iter(self._flying), "") if at is None else at
        return url, self._flying.pop(url, self._began_ms)

    def _failed(self, event: Failed, now_ms: int) -> Instruction:
        url, began_ms = self._landed(event.at)
        self._failed_ms = now_ms
        self._of.budget.bad()
        is_silent = event.loss is Loss.LATE and self._of.endpoints.is_silent(url, began_ms)
        self._of.endpoints.failed(url, event.loss, began_ms, now_ms)
        waited_ms = now_ms - began_ms
        if is_silent or (event.loss in _LOST and waited_ms >= limits.ENDPOINT_CONNECT_MS):
            self._silent.add(url)
        self._may_be_told_better |= is_silent or event.loss in _LOST
        self._has_credit |= event.loss in _LOST
        self._late += event.loss is Loss.LATE
        return self._moved(now_ms) or self._again(event.why, now_ms)

    def _answered(self, event: Answered, now_ms: int) -> Instruction:
        url, began_ms = self._landed(event.at)
        self.last = url
        endpoints = self._of.endpoints
        if event.status == ELSEWHERE and endpoints.elsewhere(url, event.regions, now_ms):
            return self._again(event.why, now_ms)
        if event.status not in RETRIED:
            endpoints.answered(url, self._kind, began_ms, now_ms)
            self._of.budget.good(now_ms - began_ms)
            for other, other_began_ms in self._flying.items():
                endpoints.outrun(other, self._kind, other_began_ms, now_ms)
            self._flying.clear()
            return Done()
        wait_ms = event.retry_after_ms or 0
        self._of.budget.bad()
        self._blame(url, event, began_ms, now_ms)
        concerned = endpoints.order if event.status in _OF_THE_KEY else (Endpoint(url),)
        for one in concerned:
            self._tried.add(one.url)
            self._asked_ms[one.url] = now_ms + wait_ms
        self._has_credit |= url in self._trials and event.status not in _OF_THE_KEY
        self._may_be_told_better = not wait_ms and event.status in _OF_THE_NODE
        return self._moved(now_ms) or self._again(event.why, now_ms)

    def _blame(self, url: str, event: Answered, began_ms: int, now_ms: int) -> None:
        """Tell what an answer that is tried again says of its endpoint."""
        endpoints = self._of.endpoints
        if event.home or (event.is_own and event.status not in _OF_THE_NODE):
            endpoints.answered(url, self._kind, began_ms, now_ms)
            self._home = event.home or self._home
        elif event.retry_after_ms:
            endpoints.let_alone(url, event.retry_after_ms, now_ms)
        else:
            endpoints.failed(url, Loss.REFUSED, began_ms, now_ms)

    # --- what then ---------------------------------------------------------------------------------------------------

    def _again(self, why: str, now_ms: int) -> Instruction:
        """Move to another endpoint, or wait and begin anew with the first."""
        self._why = why
        if self._flying:
            return Keep()
        found = self._next(now_ms)
        is_over = found is None
        asked_ms = self._asked_in_ms(now_ms) if is_over else 0
        pause_ms = asked_ms + self._pause_ms() if is_over else 0
        wait_ms = max(pause_ms, self._of.budget.take(now_ms))
        left_ms = self._left_ms(now_ms)
        if found is not None and self._of.endpoints.any_closed(self._tried):
            # Nothing stands against it and it has not been asked: a budget puts this off, and is not why it fails.
            wait_ms = min(wait_ms, max(0, left_ms - limits.ENDPOINT_ATTEMPT_MS))
        if wait_ms >= left_ms:
            self._of.budget.give_back()
            return GiveUp(f"{why}{self._told(asked_ms)}")
        if is_over:
            self._tried.clear()
            self._silent.clear()
            self._asked_ms.clear()
        self._rest_ms = now_ms + pause_ms if is_over else None
        self._due_ms = now_ms + wait_ms
        return self._put_off(now_ms) or (Wait(0) if is_over else self._try(now_ms))

    def _put_off(self, now_ms: int) -> Wait | None:
        """Wait for the budget; what other requests find out meanwhile ends that."""
        due_ms, rest_ms = self._due_ms, max(self._rest_ms or 0, now_ms)
        if due_ms is None or due_ms <= now_ms or self._may_go_on(now_ms):
            self._due_ms = None
            return None
        return Wait(rest_ms - now_ms or min(due_ms - now_ms, limits.RETRY_LOOK_MS))

    def _may_go_on(self, now_ms: int) -> bool:
        """Say whether what it waits for is there already."""
        if self._rest_ms is None and self._knows_better(now_ms):
            return True
        is_rested = self._rest_ms is None or now_ms >= self._rest_ms
        return is_rested and self._of.budget.lets_go()

    def _knows_better(self, now_ms: int) -> bool:
        """Say whether whoever is asked next has answered other requests since this one began, and nothing is wrong."""
        if not self._may_be_told_better:
            return False
        endpoints = self._of.endpoints
        if self._has_credit:
            best = endpoints.next(self._kind, now_ms)
            if (
                best is not None
                and best.url in self._tried
                and self._has_answered(best.url, self._failed_ms)
            ):
                self._tried.discard(best.url)
                self._silent.clear()
                return True
        found = self._next(now_ms)
        return found is not None and self._has_answered(found.url, self._began_ms)

    def _has_answered(self, url: str, since_ms: int) -> bool:
        """Say whether an endpoint has answered others since then, and nothing is wrong with it."""
        endpoints = self._of.endpoints
        return endpoints.is_well(url) and not endpoints.is_silent(url, since_ms)

    def _moved(self, now_ms: int) -> Instruction | None:
        """Move at once, on credit, from where a request was no load: to another endpoint it is one only once.

        What is under way when an endpoint dies is lost together, and may be more than any budget holds. Nor does a
        request pay that found out, for all others, whether an endpoint is back: of these there is one at a time.
        """
        if not (self._has_credit or self._knows_better(now_ms)):
            return None
        is_over = self._of.endpoints.next(self._kind, now_ms, self._tried) is None
        if self._flying or is_over or self._has_moved:
            return None
        self._has_moved = True
        self._of.budget.owe(now_ms)
        return self._try(now_ms)

    def _pause_ms(self) -> int:
        longest_ms = min(limits.RETRY_WAIT_MS << min(self._rounds, 20), limits.RETRY_WAIT_MS_MAX)
        self._rounds += 1
        return round(self._of.generator.uniform(0, longest_ms))

    def _asked_in_ms(self, now_ms: int) -> int:
        """Return after how long the first of those that were tried may be asked again."""
        until_ms = min((self._asked_ms.get(url, 0) for url in self._tried), default=0)
        return max(0, until_ms - now_ms)

    def _told(self, asked_ms: int) -> str:
        times = "once" if self.attempts == 1 else f"{self.attempts} times"
        asked = f", and the node asks to wait {asked_ms / 1_000:g} s" if asked_ms else ""
        limit_s = self._of.time_ms_max / 1_000
        return f"{asked}; tried {times}, and there is no time left of {limit_s:g} s"

    def _left_ms(self, now_ms: int) -> int:
        return self._began_ms + self._of.time_ms_max - now_ms
