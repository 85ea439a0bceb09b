"""What is tried again, when, and when it is given up: decided without a socket, a clock or a wait.

A request to a node may be sent again as often as one likes: batches have ids, and everything else says the same when it
is said twice. So the question is not whether a retry does harm to the data but whether it does harm to the node. A node
that is too busy answers late; a thousand clients that all try again three times make of it one that answers nobody.
Hence three brakes. Pauses double, and a random part of each is waited ("full jitter"), so that clients which failed
together do not come back together. What the node asks for (``Retry-After``) is waited at least. And retries come out of
a budget that requests pay into, one for ten: whatever fails, the node gets about a tenth more than without retries.

An empty budget puts a retry off rather than refusing it, and earns one every few seconds by time alone: a client with
a single batch must find out that its node is back. What ends the trying is the time limit that the caller has set. A
number of attempts was not taken for that: nobody who sets one knows how long it will last.
"""

import random
from dataclasses import dataclass
from typing import Final, TypeAlias

from homeroom import limits

__all__ = [
    "RETRIED",
    "Answered",
    "Begun",
    "Budget",
    "Done",
    "Event",
    "Exchange",
    "Failed",
    "GiveUp",
    "Instruction",
    "Retrying",
    "Try",
    "Wait",
    "Waited",
]

RETRIED: Final = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same request may have another answer (RFC 9110, 15.5.9, 15.6; RFC 6585, 4)."""

# --- what happens, and what is to be done ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    """Somebody wants an answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer came; ``retry_after_ms`` is what it asks to wait, None if it asks for nothing."""

    status: int
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer came; ``why`` is told to people."""

    why: str


@dataclass(frozen=True, slots=True)
class Waited:
    """The pause is over."""


@dataclass(frozen=True, slots=True)
class Try:
    """Make the request; it may take so long."""

    time_ms_max: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so long."""

    wait_ms: int


@dataclass(frozen=True, slots=True)
class Done:
    """The answer that came is the one."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """There will be no other answer; ``why`` is told to people."""

    why: str


Event: TypeAlias = Begun | Answered | Failed | Waited
Instruction: TypeAlias = Try | Wait | Done | GiveUp


# --- the budget ------------------------------------------------------------------------------------------------------


class Budget:
    """Retries that a client may make: earned by requests, and slowly by time.

    It may be in debt: then the next retry waits until the debt is earned by time.
    """

    def __init__(self) -> None:
        self.retries: float = limits.RETRY_RESERVE
        self._at_ms: int | None = None

    def earn(self, now_ms: int) -> None:
        """Earn what a request earns."""
        self._pass(now_ms)
        self._put(limits.RETRIES_PER_REQUEST)

    def take(self, now_ms: int) -> int:
        """Take a retry, and return in how many milliseconds it may be made."""
        self._pass(now_ms)
        self.retries -= 1
        return max(0, round(-self.retries * limits.RETRY_EVERY_MS))

    def give_back(self) -> None:
        """Return a retry that was taken and is not made."""
        self._put(1)

    def _pass(self, now_ms: int) -> None:
        before_ms = now_ms if self._at_ms is None else self._at_ms
        self._at_ms = max(before_ms, now_ms)
        self._put((self._at_ms - before_ms) / limits.RETRY_EVERY_MS)

    def _put(self, retries: float) -> None:
        self.retries = min(self.retries + retries, float(limits.RETRY_RESERVE))


# --- the machine -----------------------------------------------------------------------------------------------------


class Retrying:
    """How one client tries again.

    Parameters
    ----------
    time_ms_max : how long a request may take with all its retries
    attempt_ms_max : how long one attempt may take
    generator : draws the pauses
    """

    def __init__(self, time_ms_max: int, attempt_ms_max: int, generator: random.Random) -> None:
        self.time_ms_max = time_ms_max
        self.attempt_ms_max = attempt_ms_max
        self.generator = generator
        self.budget = Budget()

    def exchange(self) -> "Exchange":
        """Return the machine of one request."""
        return Exchange(self)


class Exchange:
    """One request, from its first attempt to its end.

    Parameters
    ----------
    retrying : of the client
    """

    def __init__(self, retrying: Retrying) -> None:
        self._of = retrying
        self._began_ms = 0
        self.attempts = 0

    def step(self, event: Event, now_ms: int) -> Instruction:
        """Return what is to be done after something has happened at an instant, in milliseconds of any one clock."""
        if isinstance(event, Begun):
            assert not self.attempts, "a request begins once"
            self._began_ms = now_ms
            self._of.budget.earn(now_ms)
            return self._try(now_ms)
        if isinstance(event, Waited):
            return self._try(now_ms)
        if isinstance(event, Failed):
            return self._again(event.why, 0, now_ms)
        if event.status not in RETRIED:
            return Done()
        return self._again(f"the answer was {event.status}", event.retry_after_ms or 0, now_ms)

    def _try(self, now_ms: int) -> Instruction:
        left_ms = self._left_ms(now_ms)
        if self.attempts and left_ms <= 0:
            return GiveUp("the time is over")
        self.attempts += 1
        return Try(max(1, min(left_ms, self._of.attempt_ms_max)))

    def _again(self, why: str, asked_ms: int, now_ms: int) -> Instruction:
        longest_ms = min(
            limits.RETRY_WAIT_MS << min(self.attempts - 1, 20), limits.RETRY_WAIT_MS_MAX
        )
        wait_ms = asked_ms + round(self._of.generator.uniform(0, longest_ms))
        wait_ms = max(wait_ms, self._of.budget.take(now_ms))
        if wait_ms < self._left_ms(now_ms):
            return Wait(wait_ms)
        self._of.budget.give_back()
        times = "once" if self.attempts == 1 else f"{self.attempts} times"
        asked = f", and the node asks to wait {asked_ms / 1_000:g} s" if asked_ms else ""
        return GiveUp(
            f"{why}{asked}; tried {times}, and there is no time left of {self._of.time_ms_max / 1_000:g} s"
        )

    def _left_ms(self, now_ms: int) -> int:
        return self._began_ms + self._of.time_ms_max - now_ms
