"""Users in another process: they are told to stop, and their end is noticed."""

import asyncio
import os
import signal

import pytest

from homeroom.errors import ProvingError
from homeroom.provers.geography_process import UsersElsewhere
from homeroom.provers.geography_users import Kit
from homeroom.proving.geography import Phase, Stage
from homeroom.proving.physics import Site
from homeroom.proving.plans import Sizes, parse_plan
from tests.client.tables import known
from tests.provers.test_geography_users import PLAN


@pytest.fixture
def kit():
    return Kit(
        plan=parse_plan(PLAN, "one"),
        sites=(Site(name="here", latitude=0.0, longitude=0.0),),
        urls={"here": "http://127.0.0.1:9"},
        key="hk_" + "0" * 40,
        known=known("n"),
        addresses={"A": "127.1.0.1", "B": "127.1.0.2"},
        questions={},
    )


def test_users_that_are_stopped_begin_nothing_more(kit):
    async def story():
        async with UsersElsewhere(kit) as users:
            users.stop()
            sizes = Sizes(learners=10, seconds=1_000.0, questions_per_second=0.001)
            return await users.run(Phase(stage=Stage.WELL, began_s=0.0), sizes, [], 1)

    met = asyncio.run(story())
    assert sum(one.asked for one in met.phase.heard.values()) == 0
    assert met.phase.seconds < 100


def test_the_end_of_their_process_ends_the_run(kit):
    async def story():
        async with UsersElsewhere(kit) as users:
            os.kill(users._process.pid, signal.SIGKILL)
            await users.warm([])

    with pytest.raises(ProvingError, match="the process of the users has ended"):
        asyncio.run(story())
