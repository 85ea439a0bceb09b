"""Threads run every task once, and what a task raises reaches who asked for it."""

import threading

import pytest

from homeroom.adapters.threads import ThreadRun, processors
from homeroom.state.running import Sequential, summed


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_every_task_runs_once(workers, count):
    ran = [0] * count

    def task(number: int):
        def work() -> None:
            ran[number] += 1

        return work

    ThreadRun(workers)([task(n) for n in range(count)])
    assert ran == [1] * count


def test_two_workers_work_at_the_same_time():
    """Each task waits until the other has begun; one thread alone would wait for ever (here: fail after a while)."""
    both = threading.Barrier(2, timeout=20)
    ThreadRun(2)([lambda: both.wait() and None, lambda: both.wait() and None])
    assert not both.broken


@pytest.mark.parametrize("run", [Sequential(), ThreadRun(1), ThreadRun(2), ThreadRun(4)])
@pytest.mark.parametrize("place", [0, 1, 7])
def test_what_a_task_raises_is_raised(run, place):
    def fail() -> None:
        raise ZeroDivisionError("task")

    tasks = [lambda: None] * 8
    tasks[place] = fail
    with pytest.raises(ZeroDivisionError, match="task"):
        run(tasks)


def test_no_task_is_running_any_more_when_an_error_is_raised():
    """The failing task ends while the other one runs; the error comes after both."""
    begun, failed = threading.Event(), threading.Event()
    ended = []

    def slow() -> None:
        begun.set()
        assert failed.wait(20)
        ended.append("slow")

    def fail() -> None:
        assert begun.wait(20)
        failed.set()
        raise ZeroDivisionError

    for tasks in ([slow, fail], [fail, slow]):
        ended.clear()
        begun.clear()
        failed.clear()
        with pytest.raises(ZeroDivisionError):
            ThreadRun(2)(tasks)
        assert ended == ["slow"]


def test_a_run_can_be_used_again_after_an_error():
    run = ThreadRun(2)

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run([fail, fail, fail])
    ran = []
    run([lambda: ran.append(1)] * 6)
    assert len(ran) == 6


def test_workers_are_as_many_as_processors_unless_said():
    assert ThreadRun().workers == processors() >= 1
    assert ThreadRun(3).workers == 3


@pytest.mark.parametrize("count", [0, 1, 5, 16])
@pytest.mark.parametrize("workers", [1, 2, 3, 20])
def test_what_workers_count_is_added_up_whatever_their_number(count, workers):
    def add(item, counts):
        counts[item % 3] += 1

    counts = summed(list(range(count)), (3,), add, ThreadRun(workers))
    assert counts.tolist() == [len(range(place, count, 3)) for place in range(3)]


def test_tasks_do_not_wait_behind_those_of_somebody_else():
    run, busy, end = ThreadRun(2), threading.Semaphore(0), threading.Event()

    def long() -> None:
        busy.release()
        assert end.wait(20)

    other = threading.Thread(target=run, args=([long, long],))
    other.start()
    for _ in range(2):
        assert busy.acquire(timeout=20)
    done = []
    run([lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]
    assert other.is_alive(), "the others are still at work"
    end.set()
    other.join()
