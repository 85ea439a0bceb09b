"""Kills a backup, a removal and a restore at every moment of their lives, and says what each left.

Run as ``python -m tests.cli.backup_kills FOLDER STORY WAY [URL]``. Each runs in a forked child that ends itself without
a word at its n-th step (``steps``: before or after each object that is put or removed, each file that is synced), or
is ended by the kernel after some microseconds (``moments``), wherever it is then. With a URL of a bucket the repository
lies there, else in a folder. What was left is looked at in other children: the parent never opens a repository, since
the library has threads, which do not live on in a fork.

STORY is ``backup``, ``prune`` or ``restore``. Goes out: one JSON line a kill.
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

from homeroom.adapters.backup.pruning import Keep, prune
from homeroom.adapters.backup.repository import Repository
from homeroom.adapters.backup.verifying import verify
from homeroom.adapters.object_store import Objects
from homeroom.errors import HomeroomError
from tests.backups import HOUR, T0, backed_up, opened, restored, send
from tests.cli.kills import KILLED, Sentinel, forked
from tests.object_stores import Place

TIMED_KILLS = 16
DAY = 24 * HOUR


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Story:
    """Something that is killed, and what must be true afterwards."""

    def __init__(self, folder: Path, story: str, url: str | None) -> None:
        self.folder, self.story, self.url = folder, story, url
        self._numbers = itertools.count()
        self._base: Path | None = None
        self.before, self.after = folder / "before", folder / "after"
        send(self.before, T0, *range(6))  # also loads the kernels, before the first fork
        shutil.copytree(self.before, self.after, ignore=shutil.ignore_patterns("*.sock"))
        send(self.after, T0 + HOUR, 6, 7)
        (self.after / "audit.log").write_text("a line\n")

    def repository(self, place: Place) -> Repository:
        return opened(place, self.folder / "backup.key")

    def fresh(self) -> Place:
        """Return a repository as it is before what is killed."""
        number = next(self._numbers)
        if self.url is not None:
            place = Place(f"{self.url}/{number}", dict(os.environ))
            self._filled(place)
            return place
        if self._base is None:
            self._base = self.folder / "base"
            self._filled(Place(str(self._base), {}))
        place = Place(str(self.folder / f"repository {number}"), {})
        shutil.copytree(self._base, place.location)
        return place

    def _filled(self, place: Place) -> None:
        def fill() -> str:
            repository = self.repository(place)
            backed_up(self.before, repository, T0)
            if self.story != "backup":
                backed_up(self.after, repository, T0 + HOUR)
            return "filled"

        assert forked(fill) == (0, "filled")

    def act(self, place: Place) -> None:
        repository = self.repository(place)
        if self.story == "backup":
            backed_up(self.after, repository, T0 + HOUR)
        elif self.story == "prune":
            # As though a mark of one that was killed were old.
            prune(repository, Keep(count=1), lambda: now_ms() + 2 * DAY)
        else:
            restored(repository, self.target(place))

    def target(self, place: Place) -> Path:
        return self.folder / f"target {place.location.rpartition('/')[2]}"

    def left(self, place: Place) -> str:
        """Say what was left: how many backups, all of them whole, the last of them restored; or of what is restored."""
        if self.story == "restore":
            return self.state_of(self.target(place))
        repository = self.repository(place)
        damages = verify(repository, repository.ids()).damages
        if damages:
            return f"damaged: {damages}"
        target = self.folder / "looked at"
        try:
            entries = restored(repository, target).entries
        finally:
            shutil.rmtree(target, ignore_errors=True)
        return f"{len(repository.ids())} backups, {entries} entries"

    @staticmethod
    def state_of(target: Path) -> str:
        if not target.exists() or not any(target.iterdir()):
            return "nothing"
        try:
            send(target, T0 + DAY, 100)
        except HomeroomError as error:
            return "refused" if "ended half way" in str(error) else str(error)
        return "whole"

    def again(self, place: Place) -> str:
        """Do it again, and say what is there then."""
        if self.story == "restore":
            shutil.rmtree(self.target(place), ignore_errors=True)
        self.act(place)
        repository = self.repository(place)
        unneeded = repository.unnamed() if self.story == "prune" else []
        return f"{self.left(place)}, {len(unneeded)} unneeded"


def watched(story: Story, place: Place, last: int | None) -> list[str]:
    """Count the steps of this process, and end it at one of them."""
    if story.story == "restore":
        return Sentinel(story.target(place), last).steps
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        if len(steps) == last:
            os._exit(KILLED)

    def wrapped(plain: Callable[..., object], what: str) -> Callable[..., object]:
        def method(self: Objects, name: str, *rest: object) -> object:
            step(f"before {what} {name.partition('/')[0]}")
            result = plain(self, name, *rest)
            step(f"after {what} {name.partition('/')[0]}")
            return result

        return method

    for what in ("put_new", "replace", "remove", "_make_durable"):
        setattr(Objects, what, wrapped(getattr(Objects, what), what))
    return steps


def tell(story: Story, way: str) -> None:
    """Kill at every step, or after every part of the time; print what each kill left."""

    def killed(place: Place, last: int | None, delay_s: float) -> tuple[int, str]:
        def work() -> str:
            steps = watched(story, place, last) if last is not None else []
            if delay_s:
                signal.setitimer(signal.ITIMER_REAL, delay_s)
            story.act(place)
            signal.setitimer(signal.ITIMER_REAL, 0)
            return json.dumps(steps)

        return forked(work)

    def looked(place: Place, look: Callable[[Place], str]) -> str:
        return forked(lambda: look(place))[1]

    place = story.fresh()
    before = looked(place, story.left)
    began = time.perf_counter()
    _, said = killed(place, 0, 0)
    taken_s = time.perf_counter() - began
    steps, after = json.loads(said), looked(place, story.left)
    kills: list[tuple[str, int | None, float]] = [(name, at, 0) for at, name in enumerate(steps, 1)]
    if way == "moments":
        kills = [(f"part {i}", None, taken_s * i / TIMED_KILLS) for i in range(1, TIMED_KILLS)]
    for name, at, delay_s in kills:
        place = story.fresh()
        ended, _ = killed(place, at, delay_s)
        left = looked(place, story.left)
        report = {
            "step": name,
            "ended": ended,
            "left": {before: "before", after: "after"}.get(left, left),
            "again": looked(place, story.again),
        }
        print(json.dumps(report), flush=True)  # noqa: T201 - the parent process reads it


if __name__ == "__main__":
    tell(
        Story(Path(sys.argv[1]), sys.argv[2], sys.argv[4] if len(sys.argv) > 4 else None),
        sys.argv[3],
    )
