"""What commands on the same machine ask of a running node beside facts: of webhooks, erasures, its world, upkeep."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from homeroom.errors import ControlError
from homeroom.log.certificates import Certificate
from homeroom.log.control import MAIN
from homeroom.running.belonging import Belonging
from homeroom.running.control_socket import (
    ErasureAsked,
    WebhookAsked,
    WebhookTold,
)
from homeroom.running.erasing import RunningErasures
from homeroom.running.standing import Standing
from homeroom.running.upkeep_requests import (
    ApartTold,
    Repaired,
    UpkeepAsked,
    UpkeepTold,
    WorldAsked,
    WorldTold,
)

__all__ = ["Commanded"]


@dataclass(slots=True, kw_only=True)
class Commanded:
    """Does what is asked.

    Parameters
    ----------
    node : its name
    home : returns the node that states facts
    standing, belonging, erasures : parts of the node
    repair : folds the log anew in place of what is folded
    webhooks : does what is asked of webhooks; None is nobody
    """

    node: str
    home: Callable[[], str]
    standing: Standing
    belonging: Belonging | None
    erasures: RunningErasures
    repair: Callable[[], Awaitable[Repaired]]
    webhooks: Callable[[WebhookAsked], Awaitable[WebhookTold]] | None = None

    async def of_webhooks(self, asked: WebhookAsked) -> WebhookTold:
        """Do something with webhooks. Raises `ControlError` where there are none."""
        if self.webhooks is None:
            raise ControlError("this node runs without webhooks, or has not begun to; ask again")
        return await self.webhooks(asked)

    async def of_upkeep(self, asked: UpkeepAsked) -> UpkeepTold:
        """Say how the world looks from here, or repair the node."""
        if not isinstance(asked, WorldAsked):
            return await self.repair()
        world = self.standing.status(MAIN).world
        apart = {} if self.belonging is None else self.belonging.alarms.apart()
        return WorldTold(
            node=self.node,
            home=self.home(),
            early=() if world is None else world.early,
            apart=tuple(
                ApartTold(node=name, shards=one.shards, rows=one.rows, is_all=one.is_all)
                for name, one in sorted(apart.items())
            ),
            troubles=tuple(one.text for one in self.standing.troubles()),
        )

    async def of_erasures(self, asked: ErasureAsked) -> list[Certificate]:
        """Erase learners, or say how erasures are."""
        if not asked.learners:
            return self.erasures.certificates(asked.tenant)
        by_command = self.erasures.erase_by_command
        return [await by_command(asked.tenant, asked.learners, asked.author)]
