"""The first schema: entries, their heads, batches, and who may write.

It stands as it was released: what comes later is a revision of its own.
"""

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    origin = ("node", "incarnation", "stream")

    def texts(*names: str) -> list[sa.Column[str]]:
        return [sa.Column(name, sa.Text, nullable=False) for name in names]

    def numbers(*names: str) -> list[sa.Column[int]]:
        return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]

    def blobs(*names: str) -> list[sa.Column[bytes]]:
        return [sa.Column(name, sa.LargeBinary, nullable=False) for name in names]

    op.create_table(
        "entries",
        *texts(*origin),
        *numbers("number", "hybrid", "epoch"),
        *blobs("previous", "payload", "payload_digest", "signature"),
        sa.Column("redacted", sa.Integer, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint(*origin, "number"),
    )
    op.create_table(
        "heads",
        *texts(*origin),
        *numbers("number"),
        *blobs("digest"),
        *numbers("hybrid"),
        sa.PrimaryKeyConstraint(*origin),
    )
    op.create_table("began", *texts(*origin), *numbers("number"), sa.PrimaryKeyConstraint(*origin))
    op.create_table(
        "batches",
        *texts("owner", "batch_id"),
        *blobs("digest", "answer"),
        sa.Column("token", sa.Text),
        *numbers("checksum"),
        sa.PrimaryKeyConstraint("owner", "batch_id"),
    )
    op.create_table("writers", *texts("node", "incarnation"), sa.PrimaryKeyConstraint("node"))
    schema = op.create_table(
        "log_schema",
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("usable_from", sa.Integer, nullable=False),
    )
    op.execute(sa.insert(schema).values(revision=1, usable_from=1))
