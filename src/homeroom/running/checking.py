"""The thread that reads everything again: it finds what is damaged while there still is a backup from before.

A round begins with the start, beside everything else, and then once a day. It rests for some times as long as it has
worked, so it takes a bounded share of a core however much there is, and ends when told to after the piece that it is
at. What it finds is told on the health page until a later round no longer finds it; nothing is mended here, for what is
right is not known.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from homeroom import limits
from homeroom.adapters.checking import Checked, Damage, check_entries, check_files
from homeroom.adapters.directory import DataDirectory
from homeroom.cohorts.live import CheckStatus, Trouble
from homeroom.errors import HomeroomError, kind_and_places
from homeroom.log.entries import Verify
from homeroom.log.store import Store

__all__ = ["Checker"]


class Checker:
    """Reads what a node's directory and log hold.

    Parameters
    ----------
    store : the log
    verify : verifies signatures of entries
    files : returns the directories of the tenants by name, as they are now; and reads the copies of the vault
    now_ms : the clock of the machine

    Attributes
    ----------
    finished : is set when the first round has come to its end
    """

    def __init__(
        self,
        store: Store,
        verify: Verify,
        files: tuple[
            Callable[[], dict[str, DataDirectory]], Callable[[], Iterator[Checked | Damage]]
        ],
        now_ms: Callable[[], int],
    ) -> None:
        self._store, self._verify, self._now_ms = store, verify, now_ms
        self._places, self._copies = files
        self._stopping = threading.Event()
        self._before: tuple[Trouble, ...] = ()  # of the last round that came to its end
        self._found: list[Trouble] = []  # of the round under way
        self._entries = self._files = 0
        self._finished_ms: int | None = None
        self.finished = threading.Event()
        self._thread = threading.Thread(target=self._run, name="homeroom-check", daemon=True)

    def start(self) -> None:
        """Begin with the first round."""
        self._thread.start()

    def stop(self) -> None:
        """End after the piece that is being read."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def troubles(self) -> Sequence[Trouble]:
        """What is damaged, as the last whole round and the one under way have found it."""
        return tuple(dict.fromkeys((*self._before, *self._found)))

    @property
    def status(self) -> CheckStatus:
        """How far it has come."""
        return CheckStatus(
            entries=self._entries,
            files=self._files,
            damages=len(self.troubles),
            finished_ms=self._finished_ms,
        )

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            for _ in self.round():
                worked_s = time.monotonic() - began
                if self._stopping.wait(worked_s * limits.CHECK_REST):
                    return
                began = time.monotonic()
            self._stopping.wait(limits.CHECK_PERIOD_MS / 1_000)

    def round(self) -> Iterator[None]:
        """Read everything once, and stop after each piece."""
        self._found, self._entries, self._files = [], 0, 0
        try:
            for tenant, step in self._steps():
                if isinstance(step, Damage):
                    self._found.append(Trouble(step.text, tenant))
                else:
                    self._entries += step.entries
                    self._files += step.files
                yield
        except HomeroomError as error:
            self._found.append(Trouble(f"not everything could be read again: {error}"))
        except Exception as error:  # noqa: BLE001 - this thread must go on, and the trouble is told
            why = f"{kind_and_places(error)}; this is a fault of homeroom"
            self._found.append(Trouble(f"not everything could be read again: {why}"))
        self._before, self._found = tuple(self._found), []
        self._finished_ms = self._now_ms()
        self.finished.set()

    def _steps(self) -> Iterator[tuple[str | None, Checked | Damage]]:
        begins = self._store.begins()
        for origin, number in sorted(self._store.held().items()):
            kept = range(begins[origin] + 1, number + 1)
            read = partial(self._store.read, origin)
            for step in check_entries(read, origin, kept, self._verify):
                yield None, step
        for tenant, place in self._places().items():
            for step in check_files(place):
                yield tenant, step
        for step in self._copies():
            yield None, step
