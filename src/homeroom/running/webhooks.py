"""Webhooks of a running node: created, paused, deleted, looked at; and fed with what changes.

What somebody wants of a webhook is a fact of the control stream, so that it is known who asked for it and when, and
deliveries follow the facts. Only what is one node's own affair (its dead letters, how far it is) is asked of the
deliveries themselves.

Changes are listened for, from the number up to which they are durable here. So nothing is lost when a node ends between
finding a change and keeping it: it hears it again.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from homeroom import limits
from homeroom.adapters.webhook_secrets import WebhookSecrets
from homeroom.adapters.webhooks import Resolve, SystemResolver, WebhookClient
from homeroom.cohorts.live import Trouble
from homeroom.cohorts.membership.changes import Change
from homeroom.cohorts.membership.reading import Told
from homeroom.errors import ControlError, HomeroomError, StoreError
from homeroom.hooks.messages import Direction, MemberChange
from homeroom.hooks.standing import Created, DeadLetter, WebhookShown
from homeroom.hooks.targets import Allowed, parse_target
from homeroom.log.control import Control, Fact
from homeroom.log.webhooks import (
    Webhook,
    WebhookCreated,
    WebhookDeleted,
    WebhookPaused,
    WebhookResumed,
    WebhookSecretChanged,
)
from homeroom.running.delivering import Deliverer, Delivering
from homeroom.running.streaming import IsWanted

__all__ = ["RunningWebhooks", "Source", "WebhookOptions", "drop_deliveries"]

_DELIVERIES: Final = "deliveries.db"
_SECRETS: Final = "webhooks.secrets"


Source: TypeAlias = Callable[[str, int | None, IsWanted], AsyncIterator[Told]]
"""From a tenant and a number, or None for now, to what is told of its changes after it, for ever; those that come while
the last says that none are wanted are passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """How webhooks run.

    Parameters
    ----------
    path : the node's directory
    now_ms : the clock of the machine, milliseconds since 1970 UTC
    state : states a fact as an author, and returns when it is durable and counts
    control : returns what was stated so far
    source : tells changes of membership
    allowed_hosts : hosts, or ``host:port``, that may be reached wherever they lead, and by plain HTTP
    resolve : looks names up; None does it as the machine does
    """

    path: Path
    now_ms: Callable[[], int]
    state: Callable[[Fact, str], Awaitable[object]]
    control: Callable[[], Control]
    source: Source
    allowed_hosts: tuple[str, ...] = ()
    resolve: Resolve | None = None


class RunningWebhooks:
    """The webhooks of a node; made by `open`, used and stopped in one event loop."""

    def __init__(
        self,
        options: WebhookOptions,
        known: WebhookSecrets,
        client: WebhookClient,
        deliverer: Deliverer,
    ) -> None:
        self._options, self._secrets, self._client = options, known, client
        self.deliverer = deliverer
        self._allowed = _allowed(options)
        self._resolver: SystemResolver | None = None
        # A secret is made before a fact names it, and would be dropped by another one that is made meanwhile.
        self._making = asyncio.Lock()
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._deaf: dict[str | None, str] = {}
        self._followed = options.control().webhooks

    @classmethod
    async def open(cls, options: WebhookOptions) -> "RunningWebhooks":
        """Go on where the last start ended. Raises `StoreError` and `KeyFileError`."""
        known = await asyncio.to_thread(WebhookSecrets, options.path / _SECRETS)
        own = SystemResolver() if options.resolve is None else None
        client = WebhookClient(_allowed(options), options.resolve or own or SystemResolver())
        wiring = Delivering(
            path=options.path / _DELIVERIES, client=client, secrets=known, now_ms=options.now_ms
        )
        deliverer = await Deliverer.open(wiring, options.control().webhooks)
        running = cls(options, known, client, deliverer)
        running._resolver = own
        running.follow()
        return running

    async def stop(self) -> None:
        """Send nothing more."""
        for task in self._listening.values():
            task.cancel()
        await asyncio.gather(*self._listening.values(), return_exceptions=True)
        await self.deliverer.stop()
        await self._client.close()
        if self._resolver is not None:
            self._resolver.close()

    @property
    def trouble(self) -> str | None:
        """What is wrong, in words; None while all is well."""
        return next((one.text for one in self.troubles()), None)

    def troubles(self) -> tuple[Trouble, ...]:
        """Return what is wrong, and with whose webhooks."""
        of_all = self.deliverer.trouble
        deaf = tuple(Trouble(text, tenant) for tenant, text in self._deaf.items())
        return deaf if of_all is None else (Trouble(of_all), *deaf)

    # --- changed -----------------------------------------------------------------------------------------------------

    async def create(self, tenant: str, url: str, cohorts: Sequence[str], author: str) -> Created:
        """Have a webhook that is told of these cohorts, or of all; return its secret, this once.

        Raises
        ------
        WebhookError
            The address may not be reached.
        ControlError
            There are too many, or no such tenant.
        StoreError, SourceError
            It cannot be kept.
        """
        parse_target(url, self._allowed)
        made = secrets.token_hex(8)
        async with self._making:
            secret, shown = await self._secret()
            await self._state(
                WebhookCreated(
                    id=made,
                    tenant=tenant,
                    url=url,
                    secret=secret,
                    cohorts=tuple(sorted(set(cohorts))),
                ),
                author,
            )
        return Created(made, shown)

    async def change_secret(
        self, tenant: str, webhook: str, overlap_ms: int, author: str
    ) -> Created:
        """Sign with a new secret, and with the one before it for a while; return the new one, this once.

        Raises `ControlError` where there is no such webhook or the overlap is too long, `StoreError` and `SourceError`.
        """
        if not 0 <= overlap_ms <= limits.WEBHOOK_OVERLAP_MS_MAX:
            raise ControlError(
                f"two secrets would sign for {overlap_ms:,} ms, at most {limits.WEBHOOK_OVERLAP_MS_MAX:,} are allowed"
            )
        self._find(tenant, webhook)
        async with self._making:
            secret, shown = await self._secret()
            until_ms = self._options.now_ms() + overlap_ms
            fact = WebhookSecretChanged(id=webhook, secret=secret, previous_until_ms=until_ms)
            await self._state(fact, author)
        return Created(webhook, shown)

    async def delete(self, tenant: str, webhook: str, author: str) -> None:
        """Have a webhook no more, nor what waits for it. Raises `ControlError` and `StoreError`."""
        await self._state(WebhookDeleted(id=self._find(tenant, webhook).id), author)

    async def pause(self, tenant: str, webhook: str, author: str) -> None:
        """Send nothing to a webhook; what changes waits. Raises `ControlError` and `StoreError`."""
        await self._state(WebhookPaused(id=self._find(tenant, webhook).id), author)

    async def resume(self, tenant: str, webhook: str, author: str) -> None:
        """Send again, also to a target that asked for no more. Raises `ControlError` and `StoreError`."""
        await self._state(WebhookResumed(id=self._find(tenant, webhook).id), author)

    async def replay(self, tenant: str, webhook: str, deliveries: Sequence[str] | None) -> None:
        """Send dead letters again, those named or all. Raises `ControlError` and `StoreError`."""
        await self.deliverer.replay(self._find(tenant, webhook).id, deliveries)

    async def drop(self, tenant: str, webhook: str, deliveries: Sequence[str] | None) -> None:
        """Forget dead letters, those named or all; their numbers are told as lost. Raises like `replay`."""
        await self.deliverer.drop(self._find(tenant, webhook).id, deliveries)

    async def forget(self, tenant: str, learners: Sequence[str]) -> None:
        """Keep nothing of learners of a tenant, by pseudonym, that is not delivered. Raises `StoreError`."""
        await self.deliverer.forget(tenant, learners)

    async def _secret(self) -> tuple[str, str]:
        webhooks = self._options.control().webhooks.values()
        used = {one.secret for one in webhooks} | {one.previous for one in webhooks}
        return await asyncio.to_thread(self._secrets.make, [one for one in used if one is not None])

    async def _state(self, fact: Fact, author: str) -> None:
        await self._options.state(fact, author)
        self.follow()

    def follow(self) -> None:
        """Have the webhooks and the tenants that were stated, here or elsewhere."""
        control = self._options.control()
        if control.webhooks is not self._followed:
            self._followed = control.webhooks
            self.deliverer.follow(control.webhooks)
        for tenant in control.tenants:
            if tenant not in self._listening:
                loop = asyncio.get_running_loop()
                self._listening[tenant] = loop.create_task(self._listen(tenant))
                self._listening[tenant].add_done_callback(self._heard_all)

    # --- asked -------------------------------------------------------------------------------------------------------

    def _of(self, tenant: str) -> Mapping[str, Webhook]:
        webhooks = self._options.control().webhooks
        return {id_: one for id_, one in webhooks.items() if one.tenant == tenant}

    def _find(self, tenant: str, webhook: str) -> Webhook:
        """Return a webhook of a tenant; that of another is none. Raises `ControlError`."""
        found = self._of(tenant).get(webhook)
        if found is None:
            raise _none(webhook)
        return found

    async def list(self, tenant: str) -> list[WebhookShown]:
        """Return the webhooks of a tenant, the oldest first, and how they stand. Raises `StoreError`."""
        await self._taken_in()
        found = sorted(self._of(tenant).values(), key=lambda one: (one.created_ms, one.id))
        standings = [await self.deliverer.standing(one.id) for one in found]
        return [
            WebhookShown(one, standing)
            for one, standing in zip(found, standings, strict=True)
            if standing is not None
        ]

    async def one(self, tenant: str, webhook: str) -> WebhookShown:
        """Return a webhook of a tenant and how it stands. Raises `ControlError` and `StoreError`."""
        await self._taken_in()
        found = self._find(tenant, webhook)
        standing = await self.deliverer.standing(found.id)
        if standing is None:  # it was deleted meanwhile
            raise _none(webhook)
        return WebhookShown(found, standing)

    async def _taken_in(self) -> None:
        """Return when deliveries know of all that was stated. Raises `StoreError`."""
        self.follow()
        await self.deliverer.taken_in()

    async def dead_letters(
        self, tenant: str, webhook: str, after: int, count: int
    ) -> Sequence[DeadLetter]:
        """Return at most ``count`` dead letters, those after a place. Raises `ControlError` and `StoreError`."""
        return await self.deliverer.dead_letters(self._find(tenant, webhook).id, after, count)

    # --- fed ---------------------------------------------------------------------------------------------------------

    async def _listen(self, tenant: str) -> None:
        try:
            after = self.deliverer.taken(tenant) or None
            async for told in self._options.source(tenant, after, lambda: bool(self._of(tenant))):
                self.follow()
                await self._hear(tenant, told)
        except HomeroomError as error:
            self._deaf[tenant] = f"webhooks of {tenant} hear nothing new: {error}"

    def _heard_all(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            kind = type(error).__name__
            self._deaf[None] = f"webhooks hear nothing new: {kind} where none should be; report it"

    async def _hear(self, tenant: str, told: Told) -> None:
        if not self._of(tenant):
            # Nobody is told of what came before there was a webhook: how far that is, is all that is kept.
            await self.deliverer.skip(tenant, told.last)
            return
        taken = self.deliverer.taken(tenant)
        fresh = [change for change in told.changes if change.number > taken]
        if told.missed or not taken:
            await self.deliverer.skip(tenant, fresh[0].number - 1 if fresh else told.last)
        changes = [_change_of(one) for one in fresh]
        await self.deliverer.take(tenant, self.deliverer.taken(tenant), changes)


def drop_deliveries(path: Path) -> None:
    """Forget all that a directory has of deliveries. Raises `StoreError`."""
    try:
        for end in ("", "-wal", "-shm"):
            (path / f"{_DELIVERIES}{end}").unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path / _DELIVERIES} cannot be removed: {error.strerror or error}; remove it"
        ) from error


def _none(webhook: str) -> ControlError:
    return ControlError(f"there is no webhook {webhook[: limits.NAME_CHARACTERS_MAX]!r}")


def _allowed(options: WebhookOptions) -> Allowed:
    return Allowed(frozenset(host.lower() for host in options.allowed_hosts))


def _change_of(heard: Change) -> MemberChange:
    return MemberChange(
        number=heard.number,
        cohort=heard.cohort,
        version=heard.version,
        learner=heard.learner,
        direction=Direction.ENTERED if heard.entered else Direction.LEFT,
        at_ms=heard.at_ms,
        cause=heard.cause.value,
    )
