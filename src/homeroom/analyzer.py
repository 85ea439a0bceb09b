"""What a person calls: read files, load a directory, open it.

    data = homeroom.read("logs/*.gz")
    data.retention(interval="week")

What is read becomes a `homeroom.dataset.Dataset`, which is asked. This module joins the adapters (files, key,
directory, threads) with a node. It decides nothing about events or answers; it knows only what is to be read, and
where things are kept.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias, TypedDict, Unpack

from homeroom import corrections, limits
from homeroom.adapters.directory import DataDirectory, Manifest, key_check
from homeroom.adapters.inputs import Input, read_inputs
from homeroom.adapters.labelled_directory import holds_hashes, open_labelled
from homeroom.adapters.mappings import load_mapping
from homeroom.adapters.names import NameBook
from homeroom.adapters.options import ReadOptions
from homeroom.adapters.parquet import ScanFile, open_scan_file
from homeroom.adapters.rejects import RejectsWriter
from homeroom.adapters.scanning import Scanner
from homeroom.adapters.segments import SegmentEntry, entries_of
from homeroom.adapters.sources import find_sources, refuse_overwriting
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.answers import Source
from homeroom.cohorts.questions import zone
from homeroom.dataset import Dataset, PathLike
from homeroom.errors import DataDirectoryError, MappingError, SourceError
from homeroom.events.dictionary import Dictionaries
from homeroom.events.door import Door
from homeroom.events.instants import format_instant
from homeroom.events.model import Reject
from homeroom.events.sniff import CODECS
from homeroom.events.vocabulary import VerbTable
from homeroom.node.node import Node
from homeroom.opened import key_opener, open_directory
from homeroom.state.accounts import AccountTable
from homeroom.state.compacting import to_compact
from homeroom.state.history import Segment
from homeroom.state.state import State
from homeroom.state.zones import load_zone

__all__ = [
    "Progress",
    "ReadFlags",
    "key_opener",
    "load",
    "open_directory",
    "read",
    "scan",
]

Accept: TypeAlias = Callable[[Source], None]


class Progress(Protocol):
    """Is told how far a read is; ``bytes_total`` 0 means unknown."""

    def __call__(self, bytes_done: int, bytes_total: int, events: int, rejects: int) -> None:
        """Show it."""
        ...


class ReadFlags(TypedDict, total=False):
    """How to read; None is the same as absent.

    Parameters
    ----------
    timezone : zone in which days are cut
    key : key file of the pseudonyms, made if there is none
    mapping : how tables are read: a TOML file, or the name of a ready mapping
    codec : read everything as this format; found by content if absent
    verbs : a TOML file that extends the table of verbs
    names : a file that will say who is behind each pseudonym (``.csv`` or ``.parquet``); absent means nowhere
    rejects : a file that will list what was not taken
    progress : is told how far the read is
    """

    timezone: str | None
    key: PathLike | None
    mapping: str | None
    codec: str | None
    verbs: PathLike | None
    names: PathLike | None
    rejects: PathLike | None
    progress: Progress | None


def read(
    *inputs: Input,
    accept: Accept | None = None,
    **flags: Unpack[ReadFlags],
) -> Dataset:
    """Read events and keep them in memory.

    Parameters
    ----------
    inputs : paths, patterns, directories, ``-`` for standard input, or Arrow tables
    flags : how to read them, see `ReadFlags`. Without ``timezone`` days are cut in UTC, without ``key`` the key in
        the user's configuration is used
    accept : is shown what was read before anything is written, and may raise to refuse it

    Raises
    ------
    SourceError, MappingError, KeyFileError, QuestionError
        For what cannot be read at all. A bad event is no error: see ``source.rejected_by_reason``.
    """
    _check_flags(inputs, flags)
    timezone, key, names = flags.get("timezone"), flags.get("key"), flags.get("names")
    timezone = "UTC" if timezone is None else timezone
    zone(timezone)
    opener = key_opener(key)
    book = NameBook() if names is not None else None
    options = _options(flags)
    door = Door(opener(), options.verbs or VerbTable.standard(), book)
    node = Node(State(load_zone(timezone), door.dictionaries, ThreadRun()), door)
    reading = _Reading(inputs, options, flags.get("rejects"), flags.get("progress"))
    reading.into(node)
    node.state.settle()
    source = reading.described(node.summary())
    if accept is not None:
        accept(source)
    if book is not None and names is not None:
        book.write(Path(names))
    return Dataset(node, source, opener)


def scan(*inputs: Input, accept: Accept | None = None, **flags: Unpack[ReadFlags]) -> Dataset:
    """Read only who was active when, from Parquet files, and keep nothing but days.

    For files too large to be kept: two columns are read, each event is folded where it lies, and no history is made.
    Questions about any activity by day, week or month are answered as by `read`; others are refused. Repeats are not
    counted (``source.events_duplicate`` is None): a day is active once.

    Parameters
    ----------
    inputs : paths, patterns or directories of Parquet files
    flags, accept : as for `read`; ``names``, ``codec`` and ``verbs`` say nothing to a scan and are refused

    Raises
    ------
    SourceError, MappingError, KeyFileError, QuestionError
        For what cannot be read at all, as for `read`.
    """
    _check_flags(inputs, flags)
    refused = [name for name in ("names", "codec", "verbs") if flags.get(name) is not None]
    if refused:
        raise SourceError(
            f"a scan keeps nothing but days, so {refused[0]} has no place in it; read the files instead"
        )
    timezone, key = flags.get("timezone") or "UTC", flags.get("key")
    zone(timezone)
    opener = key_opener(key)
    secret = opener()
    reading = _Reading(inputs, _options(flags), flags.get("rejects"), flags.get("progress"))
    accounts = AccountTable(load_zone(timezone))
    source, scanned_ms = reading.scanned(Scanner(accounts, secret, secrets.token_bytes(16)))
    state = State(load_zone(timezone), Dictionaries.under(secret), ThreadRun())
    state.learners = accounts.subjects(state.run)
    state.scanned_ms = scanned_ms
    source = replace(source, learners=state.learners.rows)
    if accept is not None:
        accept(source)
    return Dataset(Node(state), source, opener)


def load(
    directory: PathLike,
    *inputs: Input,
    accept: Accept | None = None,
    **flags: Unpack[ReadFlags],
) -> Dataset:
    """Add events to a data directory, all or nothing, and return it; ``source`` is what this load read.

    ``flags`` say how to read, see `ReadFlags`. The zone is fixed by the first load (UTC if absent), and another one is
    refused later; the key lies in the directory unless one is given. ``accept`` is called before anything is kept,
    and may raise to refuse.
    """
    _check_flags(inputs, flags)
    timezone, key, names = flags.get("timezone"), flags.get("key"), flags.get("names")
    if timezone is not None:
        zone(timezone)
    place = DataDirectory(Path(directory))
    with place.locked():
        place.expect_one_state()
        manifest = place.manifest() or Manifest()
        corrections.check_erasures(place.path)
        if manifest.load == 0:
            manifest = Manifest(timezone=timezone or "UTC")
        if timezone not in (None, manifest.timezone):
            raise DataDirectoryError(
                f"{directory} cuts days in {manifest.timezone}, not {timezone}: leave --timezone out, or load into a "
                f"new directory"
            )
        secret = place.key(manifest, None if key is None else Path(key))
        book = NameBook() if names is not None else None
        options = _options(flags)
        door = Door(secret, options.verbs or VerbTable.standard(), book)
        state = place.open(manifest, door.dictionaries, ThreadRun())
        node = Node(state, door)
        keeping = _Keeping(place, manifest, state)
        state.keep = keeping
        rejects = flags.get("rejects") or place.rejects_path(keeping.load)
        reading = _Reading(inputs, options, rejects, flags.get("progress"))
        reading.into(node)
        state.settle()
        source = reading.described(node.summary())
        if accept is not None:
            accept(source)
        manifest = place.commit(
            state,
            Manifest(
                load=keeping.load,
                timezone=manifest.timezone,
                key_check=key_check(secret),
                segments=keeping.compacted(),
                summary=_joined(manifest, node).to_json(),
            ),
        )
        if book is not None and names is not None:
            book.write(Path(names))
        if holds_hashes(state.dictionaries):
            # A node has written here, hashes in place of ids: what is asked now is asked of both together.
            node = Node(open_labelled(place, manifest, ThreadRun()))
    return Dataset(node, source, lambda: secret, directory)


class _Keeping:
    """Writes each new segment of a load to its directory."""

    def __init__(self, place: DataDirectory, manifest: Manifest, state: State) -> None:
        self._place = place
        self._state = state
        self.load = manifest.load + 1
        self.entries: list[SegmentEntry] = []

    def __call__(self, segment: Segment) -> Segment:
        number = len(self.entries)
        entry, kept = self._place.keep(self.load, number, segment, self._state.dictionaries)
        self.entries.append(entry)
        return kept

    def compacted(self) -> tuple[SegmentEntry, ...]:
        """Put what this load wrote into one segment, with earlier ones that are small; return all that there are."""
        history = self._state.history
        many = self._place.that_fit(to_compact(history.stored, len(self.entries)))
        if many:
            history.exchange(many, self._place.compact(self.load, many, self._state.dictionaries))
        return entries_of(history.stored)


class _Reading:
    """One read, from inputs into a node."""

    def __init__(
        self,
        inputs: Sequence[Input],
        options: ReadOptions,
        rejects: PathLike | None,
        progress: Progress | None,
    ) -> None:
        if not inputs:
            raise SourceError(
                "nothing to read: name a file, a directory, a pattern, a table, or - for standard input"
            )
        self._inputs = inputs
        self._options = options
        self._writer = RejectsWriter(None if rejects is None else Path(rejects))
        self._progress = progress
        self._total_bytes = self._done_bytes = self._events = 0
        self._notes: dict[str, None] = {}
        self._sources: set[str] = set()

    def begin(self, size_bytes: int | None) -> None:
        """Note how much there is to read."""
        self._total_bytes = size_bytes or 0

    def advance(self, read_bytes: int, events: int) -> None:
        """Pass on how far the read is."""
        self._done_bytes += read_bytes
        self._events += events
        if self._progress is not None:
            self._progress(self._done_bytes, self._total_bytes, self._events, self._writer.count)

    def note(self, text: str) -> None:
        """Keep a note for the summary, once."""
        self._notes[text] = None

    def into(self, node: Node) -> None:
        """Read everything into a node."""
        with self._writer:
            for source, decoded in read_inputs(self._inputs, self._options, self):
                if len(decoded.events):
                    self._sources.add(source)
                self._writer.write(node.take(decoded, source))

    def scanned(self, scanner: Scanner) -> tuple[Source, tuple[int, int]]:
        """Fold Parquet files into a scanner; return what was read, and the first and last instant."""
        opened = [
            open_scan_file(source, self._options.mapping)
            for source in find_sources(self._inputs, self.note)
        ]
        files = [one for one in opened if isinstance(one, ScanFile)]
        self.begin(sum(file.size_bytes for file in files))
        accepted, first_ms, last_ms = 0, limits.TIME_MS_MAX, limits.TIME_MS_MIN
        with self._writer:
            self._writer.write(one for one in opened if isinstance(one, Reject))
            for file in files:
                if file.is_zone_assumed:
                    self.note(
                        f"{file.name}: its times name no zone and were read as UTC; a mapping can name their zone"
                    )
            for report in scanner.scan([group for file in files for group in file.groups()]):
                self._writer.write(report.rejects)
                self._sources.add(report.group.file.name)
                self.advance(report.group.size_bytes, report.accepted)
                accepted += report.accepted
                if report.first_ms is not None and report.last_ms is not None:
                    first_ms, last_ms = min(first_ms, report.first_ms), max(last_ms, report.last_ms)
        self.note(
            "scanned: repeated events were not looked for; they cannot change an answer from days"
        )
        source = Source(
            events_read=accepted + self._writer.count,
            events_accepted=accepted,
            events_duplicate=None,
            events_rejected=self._writer.count,
            rejected_by_reason=self._writer.by_reason,
            conflicts=None,
            first_event=format_instant(first_ms) if accepted else None,
            last_event=format_instant(last_ms) if accepted else None,
        )
        return self.described(source), (first_ms, last_ms)

    def described(self, source: Source) -> Source:
        """Add to a summary what only the reader knows."""
        return replace(
            source,
            files=len(self._sources),
            rejects_file=self._writer.written_to,
            notes=(*self._notes, *source.notes, *self._writer.notes),
        )


def _check_flags(inputs: Sequence[Input], flags: ReadFlags) -> None:
    """Raise what Python raises for an argument that a function does not have, and refuse to write over the inputs."""
    for name in flags:
        if name not in ReadFlags.__annotations__:
            known = ", ".join(ReadFlags.__annotations__)
            raise TypeError(f"{name!r} is no way to read; it must be one of {known}")
    refuse_overwriting(inputs, {"names": flags.get("names"), "rejects": flags.get("rejects")})


def _options(flags: ReadFlags) -> ReadOptions:
    mapping, verbs, codec = flags.get("mapping"), flags.get("verbs"), flags.get("codec")
    if codec is not None and codec not in CODECS:
        raise SourceError(f"codec is {codec!r}; it must be one of {', '.join(CODECS)}")
    table = VerbTable.standard()
    if verbs is not None:
        try:
            text = Path(verbs).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise MappingError(f"the verb table {verbs} cannot be read: {why}") from error
        table = table.extended(text, str(verbs))
    return ReadOptions(
        codec=codec,
        mapping=None if mapping is None else load_mapping(str(mapping)),
        verbs=table,
    )


def _joined(manifest: Manifest, node: Node) -> Source:
    """Return the summary of all loads, this one included."""
    return replace(node.summary(corrections.source_of(manifest)), notes=())
