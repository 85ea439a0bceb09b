"""What a node does for commands on its machine: says how its world looks, folds its log anew, hands on the rest.

Each is asked over the control socket (`homeroom.running.control_socket`) by somebody who may read the data directory,
so nothing here asks for a key.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from homeroom.errors import ControlError
from homeroom.log.certificates import Certificate
from homeroom.log.control import MAIN
from homeroom.running.belonging import Belonging
from homeroom.running.control_socket import ErasureAsked, WebhookAsked, WebhookTold
from homeroom.running.erasing import RunningErasures
from homeroom.running.facts import Facts
from homeroom.running.following import Follower
from homeroom.running.refolding import Refolding
from homeroom.running.repairing import compared
from homeroom.running.route_requests import OrderAsked, RoutesAsked, RoutesTold
from homeroom.running.saving import Saving
from homeroom.running.sharding.scale_requests import ScaleAsked, ScaleTold
from homeroom.running.standing import Standing
from homeroom.running.upkeep_requests import (
    ApartTold,
    Repaired,
    UpkeepAsked,
    UpkeepTold,
    WorldAsked,
    WorldTold,
)

__all__ = ["Tended", "Upkeep"]

_OfWebhooks: TypeAlias = Callable[[WebhookAsked], Awaitable[WebhookTold]]
_OfRoutes: TypeAlias = Callable[[RoutesAsked | OrderAsked], RoutesTold]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tended:
    """The parts of a node that commands have to do with."""

    node: str
    standing: Standing
    facts: Facts
    follower: Follower
    refolding: Refolding
    saving: Saving
    erasures: RunningErasures
    belonging: Belonging | None


class Upkeep:
    """Does what commands ask of a node; in the event loop.

    Attributes
    ----------
    webhooks : does what is asked of webhooks; None is nobody
    routes : answers what is asked about routes; None is nobody
    """

    def __init__(self, tended: Tended) -> None:
        self._of = tended
        self.webhooks: _OfWebhooks | None = None
        self.routes: _OfRoutes | None = None

    async def of_webhooks(self, asked: WebhookAsked) -> WebhookTold:
        """Have done what is asked of webhooks. Raises `ControlError` where there are none."""
        if self.webhooks is None:
            raise ControlError("this node runs without webhooks, or has not begun to; ask again")
        return await self.webhooks(asked)

    async def of_erasures(self, asked: ErasureAsked) -> list[Certificate]:
        """Erase learners, or return the certificates that there are where none are named."""
        erasures = self._of.erasures
        if not asked.learners:
            return erasures.certificates(asked.tenant)
        return [await erasures.erase_by_command(asked.tenant, asked.learners, asked.author)]

    async def of_node(self, asked: UpkeepAsked) -> UpkeepTold:
        """Say how the world looks, or where requests go, or fold the log anew. Raises as these do."""
        match asked:
            case WorldAsked():
                return self._looks()
            case RoutesAsked() | OrderAsked():
                return self._of_routes(asked)
            case ScaleAsked():
                return await self._scaled(asked)
            case _:
                return await self.repair()

    async def _scaled(self, asked: ScaleAsked) -> ScaleTold:
        shards = self._of.standing.shards
        if shards is None:
            raise ControlError(
                "this node has all of its learners itself, and no shards; set shards.count and start it again"
            )
        return await asyncio.to_thread(shards.scale, asked)

    def _of_routes(self, asked: RoutesAsked | OrderAsked) -> RoutesTold:
        if self.routes is None:
            raise ControlError(
                "this node is alone, so no requests are routed here"
                if self._of.belonging is None
                else "the node is starting, and serves nobody yet; ask again in a moment"
            )
        return self.routes(asked)

    def _looks(self) -> WorldTold:
        standing, belonging = self._of.standing, self._of.belonging
        world = standing.status(MAIN).world
        apart = {} if belonging is None else belonging.alarms.apart()
        return WorldTold(
            node=self._of.node,
            home=self._of.facts.home,
            term=standing.live.control.members.term,
            early=() if world is None else world.early,
            apart=tuple(
                ApartTold(node=name, shards=one.shards, rows=one.rows, is_all=one.is_all)
                for name, one in sorted(apart.items())
            ),
            troubles=tuple(one.text for one in standing.troubles()),
        )

    async def repair(self) -> Repaired:
        """Fold the log anew in place of what is folded; return what was not so.

        Raises `StoreError`, `DataDirectoryError` and `KeyFileError`; all stays as it was then.
        """
        found = await asyncio.wrap_future(self._of.follower.anew(compared))
        begun = self._of.refolding.begun.value
        saving = self._of.saving
        await asyncio.to_thread(saving.save_anew if found.was_wrong else saving.save)
        return msgspec.structs.replace(found, begun=begun)
