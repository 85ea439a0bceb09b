"""The scan: Parquet files become a table of learners, with a thread a processor and nothing else kept.

The problem: a question about days needs two columns of a file that may hold twenty, and needs of them only who and
which day. Reading events in order to keep them (`homeroom.adapters.inputs`, the door, history) does ten times the
work. The intuition: an event folds into its learner's days the moment that it is seen, in any order, so row groups
are dealt out to threads, each of which hashes, groups and folds what it has just decompressed, while it is still in
the processor's cache.

Repeated events cannot be counted this way, and cannot matter to an answer either: a day is active once.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.adapters.compression import StreamFault
from homeroom.adapters.parquet import Group, Piece, Scratch
from homeroom.adapters.threads import processors
from homeroom.events import screening
from homeroom.events.model import Decoded, Int32s, Int64s, RawEvents, Reason, Reject, UInt64s
from homeroom.events.pages import Enough, PageError
from homeroom.events.pseudonyms import Pseudonyms
from homeroom.events.screening import Verdicts
from homeroom.events.siplanes import FINE, Digests, Spans, gathered, hash_spans
from homeroom.events.texts import buffers
from homeroom.limits import BATCH_ROWS, ISSUERS_MAX, SCAN_WINDOW_ROWS
from homeroom.state.accounts import AccountTable

__all__ = ["GroupReport", "Scanner"]

REFUSED = np.uint8(255)
AHEAD = 4
"""Row groups a thread that are dealt out before the first is done."""


@dataclass(slots=True)
class GroupReport:
    """What one row group held."""

    group: Group
    accepted: int = 0
    rejects: list[Reject] = field(default_factory=list)
    first_ms: int | None = None
    last_ms: int | None = None
    fault: str | None = None

    def add(self, accepted: int, first_ms: int, last_ms: int) -> None:
        """Count events that were folded."""
        if accepted:
            self.accepted += accepted
            self.first_ms = first_ms if self.first_ms is None else min(self.first_ms, first_ms)
            self.last_ms = last_ms if self.last_ms is None else max(self.last_ms, last_ms)


class _Issuer:
    """Who gives out accounts: under which key its accounts are hashed in this scan, and their pseudonyms."""

    def __init__(self, name: str, key: bytes, run_key: bytes) -> None:
        digest = hashlib.blake2s(name.encode(), key=run_key, digest_size=16).digest()
        self.sip_key = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
        self._pseudonyms = Pseudonyms(key)
        self._code = int(self._pseudonyms.issuer_codes(name, 1)[0])

    def keys(self, account: pa.LargeStringArray) -> tuple[UInt64s, UInt64s]:
        codes = np.full(len(account), self._code, np.int32)
        return self._pseudonyms.keys(codes, account)


class _Workspace(threading.local):
    """Memory of one thread."""

    def __init__(self) -> None:
        self.scratch = Scratch()
        rows = max(SCAN_WINDOW_ROWS, BATCH_ROWS)
        self._hi, self._lo = np.empty(rows, np.uint64), np.empty(rows, np.uint64)
        self._status = np.empty(rows, np.uint8)

    def digests(self, count: int) -> Digests:
        return Digests(self._hi[:count], self._lo[:count], self._status[:count])


class _RefusedOfBoundsError(Exception):
    """A row was refused, so the bounds of its page may not be those of the rows that count."""


def _never(_first_ms: int, _last_ms: int) -> bool:
    return False


class Scanner:
    """Folds row groups into a table of accounts.

    Parameters
    ----------
    table : what is folded into
    key : the pseudonym key, 32 bytes
    run_key : random bytes of this scan, under which accounts are hashed to find their rows
    """

    def __init__(self, table: AccountTable, key: bytes, run_key: bytes) -> None:
        self._table = table
        self._key = key
        self._run_key = run_key
        self._locks = [threading.Lock() for _ in table.partitions]
        self._issuers: dict[str, _Issuer] = {}
        self._issuer_codes = Pseudonyms(key)
        self._issuer_lock = threading.Lock()
        self._workspace = _Workspace()
        self._exact: set[str] = set()
        """Files that hold refused accounts: of these every time is read, since one at a bound may be a refused one."""

    def scan(self, groups: Sequence[Group]) -> Iterator[GroupReport]:
        """Fold row groups in threads; yield what each held, in their order."""
        waiting: deque[Future[GroupReport]] = deque()
        left = iter(groups)
        workers = processors()
        with ThreadPoolExecutor(workers, "homeroom") as pool:
            try:
                for group in left:
                    waiting.append(pool.submit(self.fold, group))
                    if len(waiting) >= AHEAD * workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def fold(self, group: Group) -> GroupReport:
        """Fold one row group: by its pages, and from the start by Arrow where that does not go.

        What the first attempt has folded stays: to fold an event twice changes nothing.
        """
        try:
            try:
                return self._fold_pages(group, self._bounds_are_enough(group))
            except _RefusedOfBoundsError:
                self._exact.add(group.file.name)
                return self._fold_pages(group, _never)
        except PageError:
            return self._fold_batches(group)

    # --- by pages --------------------------------------------------------------------------------

    def _bounds_are_enough(self, group: Group) -> Enough:
        return _never if group.file.name in self._exact else self._table.is_one_day

    def _fold_pages(self, group: Group, is_one_day: Enough) -> GroupReport:
        report = GroupReport(group)
        issuer = self._issuer(group.file.issuer or "")
        for piece in group.pieces(self._workspace.scratch, is_one_day):
            self._fold_piece(piece, issuer, report)
        return report

    def _fold_piece(self, piece: Piece, issuer: _Issuer, report: GroupReport) -> None:
        digests = self._workspace.digests(len(piece.time_ms))
        if hash_spans(piece.spans, issuer.sip_key, digests):
            if piece.bounded:
                raise _RefusedOfBoundsError
            bad = digests.status != FINE
            report.rejects += _judged(
                piece, bad if piece.odd is None else bad | piece.odd, report.group
            )
        elif piece.odd is not None and piece.odd.any():
            report.rejects += _judged(piece, piece.odd, report.group)
        if piece.odd is not None:
            digests.status[piece.odd] = REFUSED
        self._fold_hashed(piece.spans, digests, piece.time_ms, issuer, report)

    def _fold_hashed(
        self,
        spans: Spans,
        digests: Digests,
        time_ms: Int64s,
        issuer: _Issuer,
        report: GroupReport,
    ) -> None:
        window, times = self._table.window(digests.hi, digests.lo, digests.status, time_ms)
        report.add(int(window.starts[-1]), times.first_ms, times.last_ms)
        waiting = [p for p in range(len(self._locks)) if window.starts[p] < window.starts[p + 1]]
        named: list[tuple[int, int, Int32s]] = []
        while waiting:
            number = self._locked(waiting)
            try:
                partition = self._table.partitions[number]
                first_row = partition.rows
                new = partition.fold(window, number)
            finally:
                self._locks[number].release()
            if len(new):
                named.append((number, first_row, new))
        if named:
            self._name(
                named, *issuer.keys(gathered(spans, np.concatenate([new for *_, new in named])))
            )

    def _name(self, named: list[tuple[int, int, Int32s]], key_hi: UInt64s, key_lo: UInt64s) -> None:
        """Give new rows their pseudonyms, partition by partition."""
        at = 0
        for number, first_row, new in named:
            end = at + len(new)
            with self._locks[number]:
                self._table.partitions[number].name(first_row, key_hi[at:end], key_lo[at:end])
            at = end

    def _locked(self, waiting: list[int]) -> int:
        """Lock one of the partitions, a free one if there is one, and take it off the list."""
        for place in range(len(waiting)):
            if self._locks[waiting[place]].acquire(blocking=False):
                return waiting.pop(place)
        self._locks[waiting[0]].acquire()
        return waiting.pop(0)

    # --- by Arrow --------------------------------------------------------------------------------

    def _fold_batches(self, group: Group) -> GroupReport:
        report = GroupReport(group)
        row = group.first_row + 1
        try:
            for batch in group.batches():
                self._fold_decoded(group.file.judge(batch, row), report)
                row += batch.num_rows
        except StreamFault as fault:
            report.rejects.append(Reject(group.file.name, 0, fault.reason, fault.detail))
        return report

    def _fold_decoded(self, decoded: Decoded, report: GroupReport) -> None:
        source = report.group.file.name
        report.rejects += [Reject(source, r.line, r.reason, r.detail) for r in decoded.rejects]
        raw = decoded.events
        verdicts = Verdicts(len(raw))
        account, time_ms, codes, names = self._screened(raw, verdicts)
        report.rejects += verdicts.rejects(raw.line, source)
        data, offsets = buffers(account)
        spans = Spans(offsets[:-1] + data.ctypes.data, offsets[1:] + data.ctypes.data)
        for code, name in names.items():
            chosen = verdicts.kept & (codes == code)
            if chosen.any():
                self._fold_issuer(
                    Spans(*(one[chosen] for one in spans)), time_ms[chosen], name, report
                )

    def _fold_issuer(self, spans: Spans, time_ms: Int64s, name: str, report: GroupReport) -> None:
        issuer = self._issuer(name)
        digests = self._workspace.digests(len(time_ms))
        hash_spans(spans, issuer.sip_key, digests)
        self._fold_hashed(spans, digests, time_ms, issuer, report)

    def _screened(
        self, raw: RawEvents, verdicts: Verdicts
    ) -> tuple[pa.LargeStringArray, Int64s, Int32s, dict[int, str]]:
        """Check accounts, issuers and times in the order of the door; return them, and issuers by code."""
        account = screening.text_column("account", raw.account, verdicts)
        verdicts.refuse(screening.empty(account), Reason.MISSING_FIELD, "account is missing")
        with self._issuer_lock:
            codes = self._issuer_codes.issuer_codes(raw.issuer, len(raw))
            distinct = np.unique(codes[codes >= 0])
            names = dict(zip(distinct.tolist(), self._issuer_codes.issuers(distinct), strict=True))
        screening.check_codes("issuer", codes, verdicts)
        return account, screening.time_column(raw.time, verdicts), codes, names

    def _issuer(self, name: str) -> _Issuer:
        with self._issuer_lock:
            if name not in self._issuers:
                if len(self._issuers) >= ISSUERS_MAX:
                    self._issuers.clear()  # worked out again, to the same keys
                self._issuers[name] = _Issuer(name, self._key, self._run_key)
            return self._issuers[name]


def _judged(piece: Piece, bad: npt.NDArray[np.bool_], group: Group) -> list[Reject]:
    """Return why rows were refused, in the words of the codec and the door."""
    rows = np.flatnonzero(bad).astype(np.int32)
    account = gathered(piece.spans, rows).view(pa.large_binary())
    absent = None if piece.absent is None else piece.absent[rows]
    batch = group.file.as_batch(account, pa.array(piece.time_ms[rows], pa.int64(), mask=absent))
    decoded = group.file.judge(batch, 1)
    verdicts = Verdicts(len(decoded.events))
    column = screening.text_column("account", decoded.events.account, verdicts)
    verdicts.refuse(screening.empty(column), Reason.MISSING_FIELD, "account is missing")
    screening.time_column(decoded.events.time, verdicts)
    rejects = [*decoded.rejects, *verdicts.rejects(decoded.events.line, "")]
    first = group.first_row + piece.first_row
    return [
        Reject(group.file.name, int(rows[r.line - 1]) + first + 1, r.reason, r.detail)
        for r in sorted(rejects, key=lambda reject: reject.line)
    ]
