"""Files to a node: what `homeroom.analyzer` reads for itself is read for somebody else, and sent over HTTP.

A transfer of a large file breaks, and is begun again from the start. So the id of each batch is made of its source, its
place there and all its events: the second time the node says that it has it, and nothing counts twice. Events are known
by themselves too (`homeroom.events.sent_objects`), so that holds even when the files were renamed or cut in between.

A few batches are under way at once; the node's answers come back in the order of the file, so that the rejects do.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from homeroom.adapters.inputs import Input, read_inputs
from homeroom.adapters.mappings import load_mapping
from homeroom.adapters.options import ReadOptions
from homeroom.adapters.rejects import RejectsWriter
from homeroom.adapters.sources import refuse_overwriting
from homeroom.client.client import Client
from homeroom.client.messages import Receipt, Refusal, event_lines
from homeroom.errors import NodeError, SourceError
from homeroom.events.model import Decoded, Reason, Reject
from homeroom.events.sent_json import ATTRIBUTES
from homeroom.events.sent_objects import event_objects
from homeroom.events.sniff import CODECS

__all__ = ["BATCH_EVENTS", "Forwarded", "Forwarding", "forward", "forward_table"]

BATCH_EVENTS: Final = 1_000
"""Events of a batch; of a batch the node tells at most 100 refused events one by one."""
_UNDER_WAY: Final = 4
_TOO_LARGE: Final = 413

Progress = Callable[[int, int, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """What became of files that were sent.

    Parameters
    ----------
    accepted, refused : events, as the node said
    unread : what was in the files and is no event
    batches, repeats : batches, and those of them that the node had already
    voids : statements that take events back, and were not sent: they belong to the record store
    notes : what a person should know
    token : the last entry that holds any of it
    """

    accepted: int = 0
    refused: int = 0
    unread: int = 0
    batches: int = 0
    repeats: int = 0
    voids: int = 0
    notes: tuple[str, ...] = ()
    token: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything that was read has been taken."""
        return not (self.refused or self.unread or self.voids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """How files are read and sent.

    Parameters
    ----------
    mapping : how tables are read: a TOML file, or the name of a ready mapping
    codec : read everything as this format; found by content if None
    rejects : a file that will list what was not taken; None for none
    progress : is told bytes done, bytes in all (0: unknown), events and rejects
    """

    mapping: str | None = None
    codec: str | None = None
    rejects: Path | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """Events that are sent together: where they are from, and as lines of JSON."""

    source: str
    numbers: tuple[int, ...]
    lines: list[bytes]

    @property
    def batch_id(self) -> str:
        digest = hashlib.blake2b(f"{self.source}\0{self.numbers[0]}\0".encode(), digest_size=24)
        for line in self.lines:
            digest.update(line + b"\n")
        return f"file-{digest.hexdigest()}"

    def halves(self) -> "tuple[_Part, _Part]":
        middle = len(self.lines) // 2
        return (
            _Part(self.source, self.numbers[:middle], self.lines[:middle]),
            _Part(self.source, self.numbers[middle:], self.lines[middle:]),
        )


def forward(client: Client, inputs: Sequence[Input], how: Forwarding | None = None) -> Forwarded:
    """Read files and send their events to a node; return when all of them are durable there.

    Parameters
    ----------
    client : of the node
    inputs : paths, patterns, directories, ``-`` for standard input, or Arrow tables
    how : to read and send

    Raises
    ------
    SourceError, MappingError
        Something cannot be read at all, or the rejects would take the place of what is read.
    NodeError
        The node does not take events, or has not been reached within the client's time limit. What was sent before
        stays, and does not count twice when the files are sent again.
    """
    how = how or Forwarding()
    if how.codec is not None and how.codec not in CODECS:
        raise SourceError(f"codec is {how.codec!r}, must be one of {', '.join(CODECS)}")
    refuse_overwriting(inputs, {"the rejects file": how.rejects})
    mapping = None if how.mapping is None else load_mapping(how.mapping)
    with RejectsWriter(how.rejects) as rejects:
        return _Sending(client, how.progress, rejects).all(
            inputs, ReadOptions(codec=how.codec, mapping=mapping)
        )


def forward_table(
    client: Client, table: pa.Table, source: str, mapping: str | None, rejects: RejectsWriter
) -> Forwarded:
    """Send the events of a table that is called ``source``; return when all of them are durable.

    Raises as `forward` does.
    """
    columns = None if mapping is None else load_mapping(mapping)
    return _Sending(client, None, rejects, source).all([table], ReadOptions(mapping=columns))


class _Sending:
    """One transfer; the reader's observer. ``source`` is how a table is called."""

    def __init__(
        self,
        client: Client,
        progress: Progress | None,
        rejects: RejectsWriter,
        source: str = "",
    ) -> None:
        self._client, self._source = client, source
        self._progress = progress
        self._rejects = rejects
        self._done = Forwarded()
        self._notes: dict[str, None] = {}
        self._bytes_done = self._bytes_total = self._events = 0

    def begin(self, size_bytes: int | None) -> None:
        """Hear how many bytes there are."""
        self._bytes_total = size_bytes or 0

    def advance(self, read_bytes: int, events: int) -> None:
        """Hear how far reading is."""
        self._bytes_done += read_bytes
        self._events += events
        if self._progress is not None:
            left_out = self._done.refused + self._done.unread
            self._progress(self._bytes_done, self._bytes_total, self._events, left_out)

    def note(self, text: str) -> None:
        """Keep a note, once."""
        self._notes[text] = None

    def all(self, inputs: Sequence[Input], options: ReadOptions) -> Forwarded:
        """Send everything."""
        under_way: deque[tuple[_Part, Future[list[tuple[_Part, Receipt]]]]] = deque()
        with ThreadPoolExecutor(_UNDER_WAY, "homeroom-send") as pool:
            try:
                for source, decoded in read_inputs(inputs, options, self):
                    self._unread(decoded)
                    for part in _parts(self._source or source, decoded):
                        under_way.append((part, pool.submit(self._sent, part)))
                        if len(under_way) > _UNDER_WAY:
                            self._settled(under_way.popleft()[1].result())
                while under_way:
                    self._settled(under_way.popleft()[1].result())
            finally:
                for _, future in under_way:
                    future.cancel()
        return replace(self._done, notes=tuple(self._notes))

    def _unread(self, decoded: Decoded) -> None:
        self._rejects.write(
            replace(one, source=self._source or one.source) for one in decoded.rejects
        )
        self._done = replace(
            self._done,
            unread=self._done.unread + len(decoded.rejects),
            voids=self._done.voids + len(decoded.voided),
        )
        left_out = set(decoded.events.attributes) - set(ATTRIBUTES)
        if left_out:
            self.note(
                f"attributes that no event may bring were not sent: {', '.join(sorted(left_out))}"
            )
        if decoded.voided:
            self.note(
                "statements that take events back were not sent, as POST /v1/events takes none; send the statements "
                "themselves to /xapi"
            )

    def _sent(self, part: _Part) -> list[tuple[_Part, Receipt]]:
        """Send a part, in halves if it is too large; return what became of each."""
        try:
            return [(part, self._client.send_lines(part.lines, part.batch_id))]
        except NodeError as error:
            if error.status != _TOO_LARGE:
                raise
            if len(part.lines) == 1:
                why = Refusal(1, Reason.TEXT_TOO_LONG, "the event is too large for the node")
                return [(part, Receipt(batch_id=part.batch_id, accepted=0, refused=(why,)))]
        return [one for half in part.halves() for one in self._sent(half)]

    def _settled(self, results: list[tuple[_Part, Receipt]]) -> None:
        for part, receipt in results:
            done = self._done
            self._rejects.write(_refused(part, receipt))
            self._done = replace(
                done,
                accepted=done.accepted + receipt.accepted,
                refused=done.refused + receipt.events_refused,
                batches=done.batches + 1,
                repeats=done.repeats + receipt.is_repeat,
                token=receipt.token or done.token,
            )
            if receipt.refused_more:
                self.note(
                    "of some batches the node told only the first 100 refused events; the rejects file lacks the others"
                )


def _parts(source: str, decoded: Decoded) -> Iterator[_Part]:
    """Yield the events of a piece of a file, cut where the piece and the number of events say."""
    numbers = decoded.events.line.tolist()
    objects = list(event_objects(decoded.events))
    for first in range(0, len(numbers), BATCH_EVENTS):
        last = first + BATCH_EVENTS
        yield _Part(source, tuple(numbers[first:last]), event_lines(objects[first:last]))


def _refused(part: _Part, receipt: Receipt) -> Iterator[Reject]:
    for one in receipt.refused:
        known = one.reason in set(Reason)
        reason = Reason(one.reason) if known else Reason.NOT_EVENTS
        detail = one.detail if known else f"{one.reason}: {one.detail}"
        yield Reject(part.source, part.numbers[one.position - 1], reason, detail)
