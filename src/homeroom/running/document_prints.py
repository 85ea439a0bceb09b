"""Fingerprints of a vault, for the nodes of its jurisdiction to compare: equal documents give an equal one.

It is worked out anew from the whole file, because what is to be found are bits that nobody meant to change. That takes
long, and is of use only if the others have the same entries at that moment. So it is done while nothing comes: when two
checks in a row have found the vault unchanged, in a thread of its own that rests most of the time. Until it is done,
and after the next document, nothing is told, and nothing compared.

Erasures change a vault without an entry of documents, a moment after they were folded. A print is told only if all who
are erased by what is folded are erased in the file.

The way not taken is a sum that is kept true with each operation: it would say what should be in the file.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from homeroom import limits
from homeroom.adapters.vault.fingerprint import VaultPrint, vault_print
from homeroom.adapters.vault.reading import VaultReader
from homeroom.errors import HomeroomError, kind_and_places
from homeroom.running.copying import Rest, StoppedError
from homeroom.running.counted import subjects
from homeroom.running.live import Live
from homeroom.running.recording import RecordReader

__all__ = ["DocumentPrints"]


class DocumentPrints:
    """Works out the fingerprint of a vault while it rests.

    Parameters
    ----------
    path : of the vault's file
    recorder : writes it
    live : what is folded
    is_shared : says whether any other node has the same documents

    Attributes
    ----------
    trouble : why the last print could not be made, None if it could
    """

    def __init__(
        self, path: Path, recorder: RecordReader, live: Live, is_shared: Callable[[], bool]
    ) -> None:
        self.trouble: str | None = None
        self._path, self._recorder, self._live = path, recorder, live
        self._is_shared = is_shared
        self._stopping = threading.Event()
        self._aside = ThreadPoolExecutor(1, "homeroom-print")
        self._seen: tuple[int, int] | None = None
        self._is_working = False
        # As of which changes, and what; exchanged whole.
        self._done: tuple[tuple[int, int], VaultPrint] | None = None

    def told(self) -> tuple[bytes, str]:
        """Return what the vault was made of, 32 bytes, and its fingerprint; empty while that is not known.

        At each check, in the thread that folds. Where it is not known it is worked out, if nothing has come since the
        last check.
        """
        now, before = (self._recorder.changes, self._live.removals), self._seen
        self._seen = now
        if not self._is_shared():
            return b"", ""
        done = self._done
        if done is not None and done[0] == now:
            return _made_of(done[1]), done[1].fingerprint
        if now == before and not self._is_working:
            self._is_working = True
            with contextlib.suppress(RuntimeError):  # it is stopping
                self._aside.submit(self._work, now)
        return b"", ""

    def stop(self) -> None:
        """Return when nothing is worked out any more."""
        self._stopping.set()
        self._aside.shutdown(cancel_futures=True)

    def _work(self, as_of: tuple[int, int]) -> None:
        try:
            with contextlib.closing(VaultReader(self._path)) as reader:
                found = vault_print(reader, Rest(self._stopping, limits.RECORD_PRINT_REST).rest)
            erased = subjects(self._live.erased())
            is_clean = all(
                some <= found.destroyed.get(of, frozenset()) for of, some in erased.items()
            )
            if is_clean and as_of == (self._recorder.changes, self._live.removals):
                self._done = as_of, found
            self.trouble = None
        except StoppedError:
            pass
        except Exception as error:  # noqa: BLE001 - told as a trouble, and tried again
            why = str(error) if isinstance(error, HomeroomError) else kind_and_places(error)
            self.trouble = f"no fingerprint of the documents could be taken: {why}"
        finally:
            self._is_working = False


def _made_of(found: VaultPrint) -> bytes:
    told = repr((found.applied, sorted((of, sorted(some)) for of, some in found.destroyed.items())))
    return hashlib.sha256(told.encode()).digest()
