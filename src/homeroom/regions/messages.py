"""What nodes say to each other, as bytes.

There are three messages. `News` says what its sender holds, and may carry entries; `Pull` asks for entries; `Compared`
tells a fingerprint. Each can be lost, come twice or late: whatever is in it is a state, never a step, and so does no
harm the second time.

News does not repeat what was told before: it names the origins that have changed, and a digest of all that its sender
holds. Whoever does not come to the same digest has missed something, and asks for the whole. In an idle world news is
therefore a digest. What its sender names no more, because it has collapsed into the epoch, goes with the next whole.

A message carries a checksum, because what it says counts: a bit that flips in a number would have its sender hold what
it does not, and a client hear yes for it. That is against damage; against forgery a fabric vouches for its senders.
Sizes are bounded before anything is decoded, lengths by their types, and entries are checked by whoever takes them
(`homeroom.regions.replication`).

The way not taken is a stream of numbered messages a pair of nodes, with acknowledgements: it would have to be built
again after each restart, and what it makes certain the chain of digests in the log makes certain anyway.
"""

import zlib
from enum import IntEnum
from typing import Annotated, Final, TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import MessageError
from homeroom.log.entries import Entry, Redaction
from homeroom.log.origins import Origin

__all__ = [
    "CHECK_BYTES",
    "Answer",
    "AuditEnd",
    "Compared",
    "Item",
    "Message",
    "News",
    "Part",
    "Pull",
    "Range",
    "Reading",
    "checked",
    "decode",
    "encode",
    "in_parts",
    "read",
    "sealed_entry",
    "unchecked",
    "unreadable",
]

_Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_HEAD_BYTES = 8
CHECK_BYTES: Final = 4
"""The checksum that a message begins with."""


class Answer(IntEnum):
    """What the sender of news wants to hear: nothing, when its entries are durable, or all that the receiver holds."""

    NONE = 0
    WHEN_HELD = 1
    ALL = 2


class Item(msgspec.Struct, array_like=True, frozen=True):
    """Up to which number an origin is held, and the first 8 bytes of that entry's digest."""

    origin: Origin
    number: _Number
    head: Annotated[bytes, msgspec.Meta(min_length=_HEAD_BYTES, max_length=_HEAD_BYTES)]


class Reading(msgspec.Struct, array_like=True, frozen=True):
    """Two clocks compared as NTP does it (RFC 5905, section 8).

    Parameters
    ----------
    wall_ms, steady_ms : the sender's clock of the day, and the one that is never set, when this went out
    echo_ms : what the receiver's steady clock had shown in the last message from there, -1 for none
    kept_ms : how long ago that message came, by the sender's steady clock
    """

    wall_ms: _Number
    steady_ms: _Number
    echo_ms: Annotated[int, msgspec.Meta(ge=-1, le=(1 << 63) - 1)] = -1
    kept_ms: _Number = 0


class _RedactionBytes(msgspec.Struct, array_like=True, frozen=True):
    node: str
    payload_digest: bytes
    signature: bytes


class _EntryBytes(msgspec.Struct, array_like=True, frozen=True):
    origin: Origin
    number: _Number
    hybrid: _Number
    epoch: _Number
    previous: bytes
    payload: bytes
    payload_digest: bytes
    signature: bytes
    redaction: _RedactionBytes | None = None


class News(msgspec.Struct, array_like=True, frozen=True, kw_only=True, tag=1):
    """What a node holds.

    Parameters
    ----------
    life : the incarnation of the sender; a new one may hold less than the one before
    version : grows with whatever the sender comes to hold in this life
    epoch : the control epoch of the sender
    items : origins that have changed since it last told this receiver
    total : sum of the heads of all that it holds, modulo 2^64; empty where more is to follow
    answer : what it wants to hear
    pull : the number of the pull that this answers, 0 for none
    reading : of clocks
    is_behind : whether some of what was asked for is in no log of the sender any more, but in its snapshot
    is_whole : whether the items are all that there are, and not only what has changed
    entries : some entries, each as `sealed_entry` returns it
    is_complete : whether the sender holds all that has collapsed into its epoch, and so is not named
    """

    life: str
    version: _Number
    epoch: _Number
    total: Annotated[bytes, msgspec.Meta(max_length=_HEAD_BYTES)]
    items: Annotated[tuple[Item, ...], msgspec.Meta(max_length=limits.ORIGINS_TOLD_MAX)] = ()
    answer: Answer = Answer.NONE
    pull: _Number = 0
    reading: Reading | None = None
    entries: Annotated[
        tuple[msgspec.Raw, ...], msgspec.Meta(max_length=limits.MESSAGE_ENTRIES_MAX)
    ] = ()
    is_whole: bool = False
    is_behind: bool = False
    is_complete: bool = False

    def opened(self) -> list[Entry]:
        """Return the entries. Raises `MessageError`."""
        try:
            read = [_decode_entry(one) for one in self.entries]
        except (msgspec.MsgspecError, ValueError) as error:
            raise unreadable(error, "a message") from error
        return [
            Entry(
                origin=one.origin,
                number=one.number,
                hybrid=one.hybrid,
                epoch=one.epoch,
                previous=one.previous,
                payload=one.payload,
                payload_digest=one.payload_digest,
                signature=one.signature,
                redaction=_opened(one.redaction),
            )
            for one in read
        ]


class Range(msgspec.Struct, array_like=True, frozen=True):
    """Entries of an origin from a number on."""

    origin: Origin
    first: _Number


class Pull(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Asks for entries; ``number`` names the pull in the answer, ``life`` who asks."""

    life: str
    number: _Number
    ranges: Annotated[tuple[Range, ...], msgspec.Meta(max_length=limits.PULL_RANGES_MAX)]


class Part(msgspec.Struct, array_like=True, frozen=True):
    """The sum of a part of a state, which a path leads to (`homeroom.state.shards`)."""

    path: Annotated[bytes, msgspec.Meta(max_length=limits.PART_PATH_BYTES_MAX)]
    value: Annotated[bytes, msgspec.Meta(max_length=8)]


class Compared(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Fingerprints.

    Parameters
    ----------
    check : of which check
    applied : digest of the applied vector that the fingerprint is of, documents left out
    epoch : the control epoch of the sender
    fingerprint : of what all nodes share
    documents_applied, documents : the same of documents, empty for a receiver in another jurisdiction
    parts : sums of parts of what the fingerprint is of: of all partitions, and of what some of those are made of that
        differ from another node's
    expanded : the paths of these
    pinned_applied, pinned : of events that stay in a jurisdiction, empty for a receiver in another one
    """

    check: _Number
    applied: Annotated[bytes, msgspec.Meta(max_length=32)]
    epoch: _Number
    fingerprint: Annotated[str, msgspec.Meta(max_length=64)]
    documents_applied: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    documents: Annotated[str, msgspec.Meta(max_length=64)] = ""
    parts: Annotated[tuple[Part, ...], msgspec.Meta(max_length=limits.SUMS_TOLD_MAX)] = ()
    expanded: Annotated[
        tuple[Annotated[bytes, msgspec.Meta(max_length=limits.PART_PATH_BYTES_MAX)], ...],
        msgspec.Meta(max_length=limits.PARTS_EXPANDED_MAX),
    ] = ()
    pinned_applied: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    pinned: Annotated[str, msgspec.Meta(max_length=64)] = ""


class AuditEnd(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """Where the audit log of the sender ends, for the home to state: how many records, and the digest of the last."""

    records: _Number
    digest: Annotated[str, msgspec.Meta(max_length=64)]


Message: TypeAlias = News | Pull | Compared | AuditEnd

_encoder = msgspec.msgpack.Encoder()
_decode_message = msgspec.msgpack.Decoder(Message).decode
_decode_entry = msgspec.msgpack.Decoder(_EntryBytes).decode


def encode(message: Message) -> bytes:
    """Return a message as bytes: its checksum (CRC-32, 4 bytes) and the message in MessagePack."""
    return checked(_encoder.encode(message))


def checked(body: bytes) -> bytes:
    """Return the bytes of a message with their checksum before them."""
    return zlib.crc32(body).to_bytes(CHECK_BYTES, "little") + body


def unchecked(body: bytes | memoryview, what: str) -> memoryview:
    """Return what `checked` was given; ``what`` is told of bytes that are damaged. Raises `MessageError`."""
    content = memoryview(body)[CHECK_BYTES:]
    if zlib.crc32(content) != int.from_bytes(body[:CHECK_BYTES], "little"):
        raise MessageError(f"{what} of another node is damaged: its checksum is wrong")
    return content


def unreadable(error: Exception, what: str) -> MessageError:
    """Return what is raised for content that cannot be decoded; it repeats nothing of it."""
    return MessageError(f"{what} of another node cannot be read ({type(error).__name__})")


def decode(body: bytes) -> Message:
    """Return what `encode` was given; entries in it are still sealed. Raises `MessageError`."""
    if len(body) > limits.MESSAGE_BYTES_MAX:
        raise MessageError(
            f"a message has {len(body):,} bytes, at most {limits.MESSAGE_BYTES_MAX:,} are allowed"
        )
    content = unchecked(body, "a message")
    try:
        message: Message = _decode_message(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise unreadable(error, "a message") from error
    return message


def read(body: bytes) -> tuple[Message, list[Entry]]:
    """Return a message and the entries in it. Raises `MessageError`."""
    message = decode(body)
    return message, message.opened() if isinstance(message, News) else []


def in_parts(news: News) -> list[News]:
    """Return news in as many messages as its items need."""
    size = limits.ORIGINS_TOLD_MAX
    if len(news.items) <= size:
        return [news]
    cuts = [news.items[start : start + size] for start in range(0, len(news.items), size)]
    first = msgspec.structs.replace(news, items=cuts[0], total=b"", reading=None)
    between = [msgspec.structs.replace(first, items=cut, is_whole=False) for cut in cuts[1:-1]]
    return [first, *between, msgspec.structs.replace(news, items=cuts[-1], is_whole=False)]


def sealed_entry(entry: Entry) -> msgspec.Raw:
    """Return an entry as it stands in a message; it is made once, and sent to many."""
    return msgspec.Raw(
        _encoder.encode(
            _EntryBytes(
                entry.origin,
                entry.number,
                entry.hybrid,
                entry.epoch,
                entry.previous,
                entry.payload,
                entry.payload_digest,
                entry.signature,
                _sealed(entry.redaction),
            )
        )
    )


def _sealed(redaction: Redaction | None) -> _RedactionBytes | None:
    if redaction is None:
        return None
    return _RedactionBytes(redaction.node, redaction.payload_digest, redaction.signature)


def _opened(redaction: _RedactionBytes | None) -> Redaction | None:
    if redaction is None:
        return None
    return Redaction(
        node=redaction.node,
        payload_digest=redaction.payload_digest,
        signature=redaction.signature,
    )
