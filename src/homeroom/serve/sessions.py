"""Who is signed in to the pages: sessions of people, beside the keys of programs.

A session is known by a random id that only its browser has; what is kept is a hash of it, in the memory of this node.
It ends when it is idle for too long, after its whole life, when its user signs out, and the moment at which anything of
the user is stated anew: it remembers the number of the change that it began under. Once a session is found, its user is
a `Caller` like any other, and the scopes mean what they mean for a key.

The way not taken is a signed cookie that holds all of that: it cannot be ended. Nor are sessions kept on disk or told
to other nodes: whoever moves to another region signs in there, by what all regions know of users.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from homeroom import limits
from homeroom.log.control import Control
from homeroom.log.users import User
from homeroom.serve.access import Caller

__all__ = ["COOKIE", "SECURE_COOKIE", "Session", "Sessions", "caller_of_user", "cookies_of"]

COOKIE: Final = "homeroom"
"""The cookie of a session; with the prefix below where it goes over TLS alone (RFC 6265bis, 4.1.3.2)."""
SECURE_COOKIE: Final = "__Host-homeroom"
_ID_BYTES: Final = 32
_ID_CHARACTERS_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is signed in.

    Parameters
    ----------
    caller : what they may do and see
    called : how the pages name them: the name of a user, or what the provider calls them
    user_epoch : under which change of their user they signed in; None for those of a provider
    secret : what their forms must give back, in some disguise
    began_ms : when they signed in
    """

    caller: Caller
    called: str
    user_epoch: int | None
    secret: bytes
    began_ms: int


@dataclass(slots=True)
class _Held:
    session: Session
    seen_ms: int


class Sessions:
    """The sessions of a node.

    Parameters
    ----------
    control : returns what was stated so far
    idle_ms, life_ms : how long a session lasts without a request, and in all

    Attributes
    ----------
    held : by hash of the id, the one that was seen longest ago first; at most ``limits.SESSIONS_MAX``
    """

    def __init__(self, control: Callable[[], Control], idle_ms: int, life_ms: int) -> None:
        self._control = control
        self._idle_ms, self._life_ms = idle_ms, life_ms
        self.held: OrderedDict[bytes, _Held] = OrderedDict()

    def begin(self, user: User, now_ms: int) -> str:
        """Return the id of a new session of a user."""
        return self._begin(caller_of_user(user), user.name, user.epoch, now_ms)

    def begin_of_provider(self, caller: Caller, called: str, now_ms: int) -> str:
        """Return the id of a new session of somebody whom a provider knows."""
        return self._begin(caller, called, None, now_ms)

    def _begin(self, caller: Caller, called: str, epoch: int | None, now_ms: int) -> str:
        while len(self.held) >= limits.SESSIONS_MAX:
            self.held.popitem(last=False)
        given = secrets.token_urlsafe(_ID_BYTES)
        session = Session(
            caller=caller,
            called=called,
            user_epoch=epoch,
            secret=secrets.token_bytes(_ID_BYTES),
            began_ms=now_ms,
        )
        self.held[_hash(given)] = _Held(session, now_ms)
        return given

    def of(self, given: str, now_ms: int) -> Session | None:
        """Return the session of an id, which is not idle from now on; None if there is none, or none any more."""
        if not given or len(given) > _ID_CHARACTERS_MAX:
            return None
        name = _hash(given)
        held = self.held.get(name)
        if held is None:
            return None
        if not self._is_valid(held, now_ms):
            del self.held[name]
            return None
        held.seen_ms = max(held.seen_ms, now_ms)
        self.held.move_to_end(name)
        return held.session

    def end(self, given: str) -> None:
        """Have a session no more."""
        self.held.pop(_hash(given), None)

    def _is_valid(self, held: _Held, now_ms: int) -> bool:
        session = held.session
        # A clock that was set back ends nothing early, and lets nothing live for longer than by its own pace.
        if now_ms - held.seen_ms >= self._idle_ms or now_ms - session.began_ms >= self._life_ms:
            return False
        control = self._control()
        if session.user_epoch is None:
            return session.caller.tenant in control.tenants
        user = control.users.get(session.called)
        return user is not None and user.epoch == session.user_epoch


def caller_of_user(user: User) -> Caller:
    """Return what a user is to all that asks who is asking."""
    return Caller(
        name=f"user {user.name}",
        tenant=user.tenant,
        owner=f"user {user.name}",
        scopes=user.scopes,
        courses=user.courses,
        organisations=user.organisations,
    )


def cookies_of(text: str | None) -> dict[str, str]:
    """Return the cookies of a header by name, the first of each; what is no cookie is left out."""
    found: dict[str, str] = {}
    for piece in (text or "").split(";"):
        name, equals, value = piece.strip().partition("=")
        if equals and name not in found:
            found[name] = value.strip('"')
    return found


def _hash(given: str) -> bytes:
    return hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
