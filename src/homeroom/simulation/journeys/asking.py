"""What a client asks a node, and what comes back."""

from dataclasses import dataclass
from enum import StrEnum

from homeroom.log.origins import Token, Vector

__all__ = ["Ask", "Reply", "What"]


class What(StrEnum):
    """What is asked for."""

    READ = "read"
    WRITE = "write"
    ROUTES = "routes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request.

    Parameters
    ----------
    what : is asked for
    tenant, scope, question : of a read, who asks what; of a write whose it is
    batch : of a write; takes_back : whether it takes that batch back
    after : the entry that must be in the answer
    lag_ms_max : how old what each node has written may be in it; None for whatever it is
    """

    what: What
    tenant: str = ""
    scope: str = ""
    question: str = ""
    batch: str = ""
    takes_back: int = 0
    after: Token | None = None
    lag_ms_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer.

    Parameters
    ----------
    status : of HTTP
    body : what is told, or a routing table
    retry_after_ms : what the node asks to wait
    token : the entry that was written
    applied : of a read, which entries are in it
    told_ms : when it was told
    standing : how it stood in the cache
    """

    status: int
    body: bytes = b""
    retry_after_ms: int | None = None
    token: Token | None = None
    applied: Vector | None = None
    told_ms: int = 0
    standing: str = ""
