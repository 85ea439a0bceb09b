"""Work begins when it is due, whether what was begun before is done or not."""

import asyncio
import time

import numpy as np

from homeroom.provers.open_loop import on_time


def ran(times, work, stopping=None):
    async def story():
        begin_s = time.perf_counter()
        await on_time(begin_s, np.array(times), work, stopping or asyncio.Event())
        return begin_s

    return asyncio.run(story())


def test_nothing_waits_for_what_is_not_done():
    began, gate = [], []

    async def work(number, wanted_s):
        gate.append(asyncio.Event()) if not gate else None
        began.append((number, time.perf_counter() - wanted_s))
        if number < 2:
            await gate[0].wait()
        else:
            gate[0].set()

    ran([0.0, 0.01, 0.02], work)
    assert [number for number, _ in began] == [0, 1, 2]
    assert all(late_s >= 0 for _, late_s in began)


def test_work_is_told_when_it_was_to_begin():
    wanted = []

    async def work(_, wanted_s):
        wanted.append(wanted_s)

    begin_s = ran([0.0, 0.005], work)
    assert np.allclose(np.array(wanted) - begin_s, [0.0, 0.005])


def test_once_it_is_to_stop_nothing_more_begins_and_what_was_begun_is_ended():
    async def story():
        stopping, done = asyncio.Event(), []

        async def work(number, _):
            stopping.set()
            await stopping.wait()
            done.append(number)

        await on_time(time.perf_counter(), np.array([0.0, 1_000.0]), work, stopping)
        return done

    assert asyncio.run(story()) == [0]
