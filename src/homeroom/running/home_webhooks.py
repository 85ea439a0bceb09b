"""The webhooks of a world, which are delivered at its home, wherever that is.

Each target would hear everything once a node, if all of them delivered. So the home alone does, and where the home
moves to another node, deliveries end at the one and begin at the other, while both run. The new one begins with what
changes from there on. What still waited at the former one is not delivered, and does not stay on its disk: it names
learners, and nobody would think of it there when one of them is erased.

The way not taken begins deliveries with a start of the node: an operator moves the home because something is wrong, and
would then have to start the one node that is still right.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from homeroom.cohorts.live import Trouble
from homeroom.errors import HomeElsewhereError, HomeroomError
from homeroom.hooks.standing import Created, DeadLetter, WebhookShown
from homeroom.running.node import RunningNode
from homeroom.running.webhook_requests import webhook_requests
from homeroom.running.webhooks import RunningWebhooks, WebhookOptions, drop_deliveries

__all__ = ["HomeWebhooks"]


class HomeWebhooks:
    """Runs webhooks while its node is the home; made and used in one event loop.

    Parameters
    ----------
    node : whose webhooks
    options : how they run
    """

    def __init__(self, node: RunningNode, options: WebhookOptions) -> None:
        self._node, self._options = node, options
        self._running: RunningWebhooks | None = None
        self._trouble: str | None = None
        self._is_clean = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Deliver where this is the home, and follow it. Raises `StoreError` and `KeyFileError`."""
        await self._follow()
        self._node.watch(self.troubles)
        self._task = asyncio.create_task(self._keep_following())

    async def stop(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._end()

    def troubles(self) -> tuple[Trouble, ...]:
        """Return what is wrong, and with whose webhooks."""
        running = () if self._running is None else self._running.troubles()
        return running if self._trouble is None else (Trouble(self._trouble), *running)

    async def _keep_following(self) -> None:
        while True:
            folded = self._node.next_fold()
            try:
                await self._follow()
                self._trouble = None
            except HomeroomError as error:  # tried again with the next fold
                self._trouble = f"this node is the home and delivers no webhooks: {error}"
            await folded

    async def _follow(self) -> None:
        is_home = self._node.is_home
        if is_home and self._running is None:
            self._is_clean = False
            self._running = await RunningWebhooks.open(self._options)
            self._node.upkeep.webhooks = webhook_requests(self._running)
            self._node.erasures.deliver_with(self._running.forget)
        elif not is_home and (self._running is not None or not self._is_clean):
            await self._end()
            await asyncio.to_thread(drop_deliveries, self._options.path)
            self._is_clean = True

    async def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            self._node.erasures.deliver_with(None)
            self._node.upkeep.webhooks = None
            with contextlib.suppress(HomeroomError):  # it was told while it ran
                await running.stop()

    # --- asked -------------------------------------------------------------------------------------------------------

    def _here(self) -> RunningWebhooks:
        """Return the webhooks. Raises `HomeElsewhereError` where they are not delivered."""
        if self._running is None:
            raise HomeElsewhereError(self._node.home)
        return self._running

    async def list(self, tenant: str) -> list[WebhookShown]:
        """See `RunningWebhooks.list`, as all that follow; each raises `HomeElsewhereError` elsewhere than at home."""
        return await self._here().list(tenant)

    async def one(self, tenant: str, webhook: str) -> WebhookShown:
        """Return a webhook of a tenant and how it stands."""
        return await self._here().one(tenant, webhook)

    async def create(self, tenant: str, url: str, cohorts: Sequence[str], author: str) -> Created:
        """Have a webhook; return its secret, this once."""
        return await self._here().create(tenant, url, cohorts, author)

    async def change_secret(
        self, tenant: str, webhook: str, overlap_ms: int, author: str
    ) -> Created:
        """Sign with a new secret; return it, this once."""
        return await self._here().change_secret(tenant, webhook, overlap_ms, author)

    async def delete(self, tenant: str, webhook: str, author: str) -> None:
        """Have a webhook no more."""
        await self._here().delete(tenant, webhook, author)

    async def pause(self, tenant: str, webhook: str, author: str) -> None:
        """Send nothing to a webhook; what changes waits."""
        await self._here().pause(tenant, webhook, author)

    async def resume(self, tenant: str, webhook: str, author: str) -> None:
        """Send again."""
        await self._here().resume(tenant, webhook, author)

    async def replay(self, tenant: str, webhook: str, deliveries: Sequence[str] | None) -> None:
        """Send dead letters again."""
        await self._here().replay(tenant, webhook, deliveries)

    async def drop(self, tenant: str, webhook: str, deliveries: Sequence[str] | None) -> None:
        """Forget dead letters."""
        await self._here().drop(tenant, webhook, deliveries)

    async def dead_letters(
        self, tenant: str, webhook: str, after: int, count: int
    ) -> Sequence[DeadLetter]:
        """Return some dead letters of a webhook."""
        return await self._here().dead_letters(tenant, webhook, after, count)
