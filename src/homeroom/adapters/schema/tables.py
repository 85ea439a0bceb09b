"""The tables of a log's store, as this release knows them: one definition for SQLite and PostgreSQL.

Only what every SQL database has: no sequences, no arrays, no types of one vendor. Names and texts are texts, digests
and payloads bytes, numbers 64 bits. Nothing here is used to make a table: revisions do that, and a test compares what
they made with this.

entries
    One row an entry; see `homeroom.log.entries`. ``redacted`` is 1 where the payload was replaced for an erasure.
heads
    By origin the last entry that is durable here. It stays when entries are collected.
began
    By origin the number before the first entry that is kept here, where that is not 0: entries were collected, or stand
    in the file that this one goes on from.
batches
    By owner and id what a client was told; ``checksum`` is the CRC-32 of the other columns, since no chain covers them.
writers
    By node the incarnation that may write. One process writes at a time, and another that comes takes over.
log_schema
    One row; see `homeroom.adapters.schema.current`.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

__all__ = ["METADATA"]

METADATA: Final = MetaData()


def _origin() -> tuple[Column[str], ...]:
    return tuple(Column(name, Text, primary_key=True) for name in ("node", "incarnation", "stream"))


def _required(name: str, kind: type[LargeBinary | BigInteger | Text]) -> Column[object]:
    return Column(name, kind, nullable=False)


Table(
    "entries",
    METADATA,
    *_origin(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _required("hybrid", BigInteger),
    _required("epoch", BigInteger),
    _required("previous", LargeBinary),
    _required("payload", LargeBinary),
    _required("payload_digest", LargeBinary),
    _required("signature", LargeBinary),
    Column("redacted", Integer, nullable=False, server_default="0"),
)
Table(
    "heads",
    METADATA,
    *_origin(),
    _required("number", BigInteger),
    _required("digest", LargeBinary),
    _required("hybrid", BigInteger),
)
Table("began", METADATA, *_origin(), _required("number", BigInteger))
Table(
    "batches",
    METADATA,
    Column("owner", Text, primary_key=True),
    Column("batch_id", Text, primary_key=True),
    _required("digest", LargeBinary),
    _required("answer", LargeBinary),
    Column("token", Text),
    _required("checksum", BigInteger),
)
Table("writers", METADATA, Column("node", Text, primary_key=True), _required("incarnation", Text))
Table(
    "log_schema",
    METADATA,
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("usable_from", Integer, nullable=False),
)
