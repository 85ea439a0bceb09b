"""Kills a load at every moment of its life, and says what it left: ``python -m tests.cli.kills FOLDER STORY WAY``.

A process of its own, because it forks: each load runs in a child that ends itself without a word, as a power cut
would end it, at its n-th step on the disk (an audit hook sees every file that is opened for writing, renamed or
removed; ``fsync`` is wrapped, as nothing announces it), or is ended by the kernel after some microseconds (an alarm
that nobody handles), wherever it is then. Kernels are loaded once, before the first fork.

STORY is ``first`` (the first load of a new directory), ``later``, ``compacted`` (a load that puts earlier segments into
one), ``voided`` or ``merged`` (a correction of a directory that was corrected before); WAY is ``steps`` or
``moments``. Goes out: one JSON line a kill.
"""

import itertools
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import homeroom as hr
from tests.adapters.loads import answers, events, load
from tests.cohorts.engine import key_file

KILLED = 77
TIMED_KILLS = 24
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.link", "os.rmdir"}


class Sentinel:
    """Counts the steps of this process on the files below a folder, and ends it at one of them."""

    def __init__(self, folder: Path, last: int | None) -> None:
        self._folder = str(folder)
        self._last = last
        self.steps: list[str] = []
        plain = os.fsync

        def fsync(descriptor: int) -> None:
            self._step("before fsync")
            plain(descriptor)
            self._step("after fsync")

        os.fsync = fsync
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or not str(arguments[0]).startswith(self._folder):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        self._step(f"{event} {os.path.relpath(str(arguments[0]), self._folder)}")

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) == self._last:
            os._exit(KILLED)


def forked(work: Callable[[], str]) -> tuple[int, str]:
    """Run something in a child; return how it ended and the last line that it had to say."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = "failed"
        try:
            said = work()
        except BaseException as error:  # noqa: BLE001 - whatever it was, the parent must hear of it
            said = repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def state_of(place: Path) -> str:
    """Return what a directory answers, as text; an error's text if it does not."""
    try:
        data = hr.open(place)
    except hr.HomeroomError as error:
        said = str(error).partition(";")[0].replace(str(place), "DIR")
        return said.removesuffix(" (no homeroom.json)")  # made, or not yet: nothing was loaded
    source = data.source
    counts = (source.events_accepted, source.events_duplicate, source.events_voided)
    return json.dumps([answers(data), *counts])


def strays(place: Path) -> list[str]:
    """Return the files that do not belong to a directory."""
    named = (place / "homeroom.json").read_text()
    kept = {"homeroom.json", ".lock", "pseudonym.key"}
    files = [path for path in place.rglob("*") if path.is_file() and path.name not in kept]
    return [p.name for p in files if p.stem not in named and "rejects" not in p.parts]


def tell(folder: Path, base: Path | None, way: str, change: Callable[[Path], object]) -> None:  # noqa: C901 - one story, told in order
    """Kill the same change at every step, or after every 24th part of its time; print what each kill left."""
    places = itertools.count()

    def fresh() -> Path:
        place = folder / f"killed {next(places)}"
        if base is not None:
            shutil.copytree(base, place)
        return place

    def killed(place: Path, sentinel: int | None, delay_s: float) -> tuple[int, str]:
        def work() -> str:
            watch = Sentinel(place, sentinel) if sentinel is not None else None
            if delay_s:
                signal.setitimer(signal.ITIMER_REAL, delay_s)
            change(place)
            signal.setitimer(signal.ITIMER_REAL, 0)
            return json.dumps(watch.steps) if watch else "done"

        return forked(work)

    place = fresh()
    before = state_of(place)
    began = time.perf_counter()
    _, said = killed(place, 0, 0)
    taken_s = time.perf_counter() - began
    steps, after = json.loads(said), state_of(place)
    kills: list[tuple[str, int | None, float]] = [(name, at, 0) for at, name in enumerate(steps, 1)]
    if way == "moments":
        kills = [(f"part {i}", None, taken_s * i / TIMED_KILLS) for i in range(1, TIMED_KILLS)]
    for name, at, delay_s in kills:
        place = fresh()
        ended, said = killed(place, at, delay_s)
        left = state_of(place)
        again = ""
        try:
            change(place)
        except Exception as error:  # noqa: BLE001 - the test shows it
            again = repr(error)
        report = {
            "step": name,
            "ended": ended,
            "said": said,
            "left": "before" if left == before else "after" if left == after else left,
            "next load": again or json.loads(state_of(place))[0] == json.loads(after)[0],
            "strays": [] if again else strays(place),
        }
        shutil.rmtree(place)
        print(json.dumps(report), flush=True)  # noqa: T201 - the parent process reads it


def main(folder: Path, story: str, way: str) -> None:
    """Tell a story in a folder."""
    base = folder / "base"
    load(base, events(120))  # also loads the kernels, before the first fork
    one, *others = (("", f"learner {i}") for i in range(4))

    def opened(place: Path) -> hr.Dataset:
        return hr.open(place, key=key_file())

    if story in ("voided", "merged"):
        opened(base).void(["1", "2"])
        opened(base).merge([(one, others[0])])
    if story == "compacted":
        for name in "abc":
            load(base, events(60, name))
    answers(hr.open(base))
    new = events(150, "new")
    changes: dict[str, Callable[[Path], object]] = {
        "voided": lambda place: opened(place).void(["5", "6", "7"]),
        "merged": lambda place: opened(place).merge([(one, others[1]), (others[1], others[2])]),
    }
    change = changes.get(story, lambda place: load(place, new))
    tell(folder, None if story == "first" else base, way, change)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
