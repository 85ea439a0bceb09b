"""What makes deliveries happen: one task that steps, one thread that keeps, and a task for each request under way.

Whatever has happened since the last step is stepped together, and what all of it wants kept is one write: the busier it
gets, the more share a commit. Requests begin when that is durable, and not before. A request that hangs is a task that
waits, and nobody waits for it.

When a write fails nothing is sent any more, since nobody knows what was kept: the node says so, and the next start goes
on from what the file holds. Changes are still found, and are asked for again then.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from homeroom import limits
from homeroom.adapters.delivery_store import DeliveryStore, Found
from homeroom.adapters.webhook_secrets import WebhookSecrets
from homeroom.adapters.webhooks import Message, WebhookClient
from homeroom.errors import HomeroomError, StoreError
from homeroom.hooks.deliveries import Deliveries
from homeroom.hooks.lines import Line
from homeroom.hooks.messages import MemberChange, body_of, signed_headers
from homeroom.hooks.standing import DeadLetter, Lost, Standing
from homeroom.hooks.steps import (
    Answered,
    Changed,
    Drop,
    Event,
    Kept,
    Missed,
    Outcome,
    Replay,
    Result,
    Send,
    Sought,
    Subscription,
    Subscriptions,
    Tick,
)
from homeroom.log.webhooks import Webhook

__all__ = ["ATTEMPTS_METRIC", "Deliverer", "Delivering"]

ATTEMPTS_METRIC: Final = "homeroom_webhook_attempts_total"
"""Attempts to deliver, by result: the name under which `Deliverer.attempts` is told."""

_T = TypeVar("_T")
_SOUGHT: Final = get_args(Sought)
_LOOK_S: Final = 60.0
"""So often it is looked at least whether something is due: the clock may have been set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivering:
    """What deliveries are done with.

    Parameters
    ----------
    path : the file of what is not delivered
    client : makes requests; closed by whoever made it
    secrets : sign them
    now_ms : the clock of the machine, milliseconds since 1970 UTC
    draw : gives a number from 0 to 1, by chance
    """

    path: Path
    client: WebhookClient
    secrets: WebhookSecrets
    now_ms: Callable[[], int]
    draw: Callable[[], float] = field(default_factory=lambda: random.Random().random)  # noqa: S311 - spreads attempts


class Deliverer:
    """Delivers; made, used and stopped in one event loop. Made by `open`."""

    def __init__(
        self, wiring: Delivering, store: DeliveryStore, core: Deliveries, thread: ThreadPoolExecutor
    ) -> None:
        self.attempts: Counter[Result] = Counter()
        self.trouble: str | None = None
        self._wiring, self._store, self._core, self._thread = wiring, store, core, thread
        self._loop = asyncio.get_running_loop()
        self._webhooks: Mapping[str, Webhook] = {}
        self._events: deque[tuple[Event, asyncio.Future[None] | None]] = deque()
        self._happened = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    @classmethod
    async def open(cls, wiring: Delivering, webhooks: Mapping[str, Webhook]) -> "Deliverer":
        """Go on from what the file holds; it is made if there is none.

        Raises
        ------
        StoreError
            The file cannot be used.
        """
        thread = ThreadPoolExecutor(1, "homeroom-deliveries")
        loop = asyncio.get_running_loop()
        try:
            store = await loop.run_in_executor(thread, DeliveryStore, wiring.path)
            kept = await loop.run_in_executor(thread, store.state)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        deliverer = cls(wiring, store, Deliveries(kept, wiring.draw), thread)
        deliverer.follow(webhooks)
        deliverer._task = loop.create_task(deliverer._run())
        deliverer._task.add_done_callback(deliverer._ended)
        return deliverer

    async def stop(self) -> None:
        """Begin nothing more, and wait a little for what is under way; the rest is sent again after the next start."""
        self._is_stopping = True
        if self._requests:
            await asyncio.wait(self._requests, timeout=limits.WEBHOOK_STOP_MS_MAX / 1_000)
        with suppress(StoreError):  # told already
            await self._happens(Tick())
        for task in self._requests:
            task.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.trouble = self.trouble or "deliveries have stopped"
        self._fail(StoreError(self.trouble))
        await self._in_thread(self._store.close)
        self._thread.shutdown()

    # --- what comes in -----------------------------------------------------------------------------------------------

    def follow(self, webhooks: Mapping[str, Webhook]) -> None:
        """Have these webhooks from now on."""
        self._webhooks = webhooks
        subscriptions = tuple(
            Subscription(
                webhook=one.id,
                tenant=one.tenant,
                cohorts=frozenset(one.cohorts),
                is_paused=one.is_paused,
                turn=one.turn,
            )
            for one in webhooks.values()
        )
        self._put(Subscriptions(subscriptions), None)

    async def take(self, tenant: str, after: int, changes: Sequence[MemberChange]) -> int:
        """Take all changes of a tenant after a number; return when they are durable.

        Returns
        -------
        The number up to which all changes of the tenant are here. If it is less than ``after``, nothing was taken:
        hand over those after it.

        Raises
        ------
        StoreError
            They cannot be kept.
        """
        for start in range(0, len(changes), limits.WEBHOOK_TAKEN_MAX):
            part = tuple(changes[start : start + limits.WEBHOOK_TAKEN_MAX])
            await self._happens(Changed(tenant, after, part))
            after = part[-1].number
        return self.taken(tenant)

    async def skip(self, tenant: str, up_to: int) -> None:
        """Take it that the changes of a tenant up to a number cannot be had. Raises `StoreError`."""
        await self._happens(Missed(tenant, up_to))

    async def replay(self, webhook: str, deliveries: Sequence[str] | None = None) -> None:
        """Send dead letters again, those named or all; return when that is durable. Raises `StoreError`."""
        named = None if deliveries is None else tuple(deliveries)
        await self._happens(Replay(webhook, named))

    async def drop(self, webhook: str, deliveries: Sequence[str] | None = None) -> None:
        """Forget dead letters, those named or all; return when that is durable. Raises `StoreError`."""
        named = None if deliveries is None else tuple(deliveries)
        await self._happens(Drop(webhook, named))

    async def forget(self, tenant: str, learners: Sequence[str]) -> None:
        """Keep nothing of learners of a tenant; what is about them is about nobody. Raises `StoreError`.

        A request that is under way, or was loaded to be sent, still names them, once.
        """
        await self.taken_in()
        await self._in_thread(self._store.forget, tenant, learners)

    async def taken_in(self) -> None:
        """Return when all that has come before is stepped and kept. Raises `StoreError`."""
        await self._happens(Tick())

    async def _happens(self, event: Event) -> None:
        if self.trouble is not None:
            raise StoreError(self.trouble)
        future: asyncio.Future[None] = self._loop.create_future()
        self._put(event, future)
        await future

    def _put(self, event: Event, future: "asyncio.Future[None] | None") -> None:
        self._events.append((event, future))
        self._happened.set()

    # --- asked -------------------------------------------------------------------------------------------------------

    def taken(self, tenant: str) -> int:
        """Return up to which number the changes of a tenant are here, 0 if none ever were."""
        return self._core.taken(tenant)

    async def dead_letters(self, webhook: str, after: int, count: int) -> list[DeadLetter]:
        """Return at most ``count`` dead letters, those after a place, the oldest first. Raises `StoreError`."""
        return await self._in_thread(self._store.dead_letters, webhook, after, count)

    async def standing(self, webhook: str) -> Standing | None:
        """Return how the deliveries of a webhook stand, None if it is not there. Raises `StoreError`."""
        lost = await self._in_thread(self._store.lost, webhook)
        line = self._core.lines.get(webhook)
        return None if line is None else _standing(line, self.taken(line.subscription.tenant), lost)

    async def _in_thread(self, do: Callable[..., _T], *arguments: Any) -> _T:  # noqa: ANN401 - those of `do`
        return await self._loop.run_in_executor(self._thread, do, *arguments)

    # --- steps -------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                await self._something()
                await self._step()
        except HomeroomError as error:
            self.trouble = f"webhooks are told nothing: {error}"
            self._fail(error)

    async def _something(self) -> None:
        """Return when something has happened, or is due."""
        now_ms = self._wiring.now_ms()
        due_ms = self._core.wake_ms(now_ms)
        wait_s = _LOOK_S if due_ms is None else min(max(due_ms - now_ms, 0) / 1_000, _LOOK_S)
        timer = self._loop.call_later(wait_s, self._happened.set)
        await self._happened.wait()
        timer.cancel()
        self._happened.clear()

    async def _step(self) -> None:
        happened, self._events = list(self._events), deque()
        events = [event for event, _ in happened] or [Tick()]
        ended: HomeroomError | None = StoreError("a step of deliveries was not finished")
        try:
            sends = await self._stepped(events)
            ended = None
        except HomeroomError as error:
            ended = error
            raise
        finally:
            self._end(happened, ended)
        if not self._is_stopping:
            for send in sends:
                self._begin(send)
        await self._wiring.client.keep(self._webhooks)

    async def _stepped(self, events: Sequence[Event]) -> list[Send]:
        """Step, have all kept that is to be kept and looked up what is sought; return what may be sent then."""
        now_ms = self._wiring.now_ms()
        effects = [effect for event in events for effect in self._core.step(event, now_ms)]
        sought = [effect for effect in effects if isinstance(effect, _SOUGHT)]
        kept = [effect for effect in effects if not isinstance(effect, (Send, *_SOUGHT))]
        if kept or sought:
            for found in await self._in_thread(self._perform, kept, sought):
                self._put(found, None)
        return [effect for effect in effects if isinstance(effect, Send)]

    def _perform(self, kept: Sequence[Kept], sought: Sequence[Sought]) -> list[Found]:
        dropped = self._store.write(kept) if kept else []
        return [*dropped, *(self._store.find(one) for one in sought)]

    @staticmethod
    def _end(
        happened: Sequence[tuple[Event, "asyncio.Future[None] | None"]],
        error: HomeroomError | None,
    ) -> None:
        for _, future in happened:
            if future is None or future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    def _fail(self, error: HomeroomError) -> None:
        """Tell those who wait that nothing comes any more."""
        happened, self._events = list(self._events), deque()
        self._end(happened, error)

    # --- requests ----------------------------------------------------------------------------------------------------

    def _begin(self, send: Send) -> None:
        task = self._loop.create_task(self._request(send))
        self._requests.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._requests.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A mistake of ours. Its text is left out: nobody knows what is in it.
            kind = type(error).__name__
            self.trouble = f"webhooks are told nothing: {kind} where none should be; report it"
            self._fail(StoreError(self.trouble))

    async def _request(self, send: Send) -> None:
        delivery = send.delivery
        webhook = self._webhooks.get(delivery.webhook)
        if webhook is None:
            return  # deleted meanwhile
        outcome = await self._sent(send, webhook)
        self.attempts[outcome.result] += 1
        self._put(Answered(delivery.webhook, delivery.id, outcome), None)

    async def _sent(self, send: Send, webhook: Webhook) -> Outcome:
        now_ms = self._wiring.now_ms()
        secrets = self._wiring.secrets.find(webhook.secrets_at(now_ms))
        if not secrets:
            return Outcome(Result.NOT_ALLOWED, "its secret is not on this node; give it a new one")
        body = body_of(send.delivery, webhook.tenant)
        return await self._wiring.client.send(
            Message(
                webhook=webhook.id,
                url=webhook.url,
                headers=signed_headers(send.delivery.id, body, secrets, now_ms),
                body=body,
            )
        )


def _standing(line: Line, taken: int, lost: Sequence[Lost]) -> Standing:
    return Standing(
        cursor=line.cursor,
        taken=taken,
        open=len(line.window),
        failures=line.failures,
        dead=line.dead,
        suspended=None if line.suspended is None else line.suspended[1],
        lost=tuple(lost),
    )
