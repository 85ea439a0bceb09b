"""Signing in and out, by a name and a password that are stated (`homeroom.log.users`).

Guessing is made slow thrice: each check takes a tenth of a second, few are made at once, and names and addresses have
only so many tries in a while. Tries are counted for a name from an address, so that nobody can lock somebody else out
from elsewhere. Whatever does not open is told the same, and takes as long, whether there is such a name or not.

Each sign-in, each that failed for a name that there is, and each sign-out is written down before it is answered. A name
that is not there is not: it may be a password in the wrong field.
"""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from litestar import Response

from homeroom import limits
from homeroom.adapters.passwords import is_password
from homeroom.log.users import User
from homeroom.serve.interface import header
from homeroom.serve.pages.frame import drawn, moved
from homeroom.serve.pages.visits import Visit, disguised, is_disguised, local_path
from homeroom.serve.problems import ProblemError
from homeroom.serve.rates import Buckets
from homeroom.serve.sessions import cookies_of

__all__ = ["SigningIn", "asked_for", "session_header"]

_FORM_COOKIE: Final = "homeroom-form"
_SECRET_BYTES: Final = 32


class SigningIn:
    """The door of the pages.

    Attributes
    ----------
    tries : by name and address, by address, and by name, what may still be tried
    has_provider : whether a provider's people sign in too
    """

    def __init__(self) -> None:
        self.tries = (
            Buckets(1 / 30, limits.SIGN_IN_TRIES),
            Buckets(1, limits.SIGN_IN_TRIES_OF_ADDRESS),
            Buckets(1 / 5, limits.SIGN_IN_TRIES_OF_NAME),
        )
        self.has_provider = False
        self._checking = asyncio.Semaphore(limits.SIGN_IN_CHECKS_MAX)

    def page(self, visit: Visit, note: str = "", status: int = 200) -> Response[bytes]:
        """Return the page that asks for a name and a password; ``note`` says why it is seen again."""
        secret = self._secret_of(visit) or secrets.token_bytes(_SECRET_BYTES)
        values = {
            "token": disguised(secret),
            "note": note,
            "next": local_path(dict(visit.query).get("next", "/overview")),
            "has_provider": self.has_provider,
        }
        cookie = f"{_FORM_COOKIE}={secret.hex()}; Path=/sign-in; HttpOnly; SameSite=Strict"
        if visit.interface.goes_over_tls:
            cookie += "; Secure"
        return drawn(visit, "sign_in.html", values, status, {"Set-Cookie": cookie})

    async def enter(self, visit: Visit, fields: Mapping[str, str], address: str) -> Response[bytes]:
        """Sign somebody in, or say that this opens nothing."""
        visit.check_origin()
        secret = self._secret_of(visit)
        if secret is None or not is_disguised(fields.get("token", ""), secret):
            return self.page(visit, visit.texts("sign_in.again"), 403)
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        self._count(visit, name, address)
        user = await self._known(visit, name, password)
        if user is None:
            return self.page(visit, visit.texts("sign_in.refused"), 401)
        # Tries are what does not open: whoever signs in ten times a day is no guess.
        self.tries[0].forget(f"{address} {name}")
        given = visit.interface.sessions.begin(user, visit.interface.now_ms())
        self.leave_old(visit)
        return moved(local_path(fields.get("next", "")), session_header(visit, given))

    async def _known(self, visit: Visit, name: str, password: str) -> User | None:
        """Return the user of a name and a password, None if they open nothing."""
        interface = visit.interface
        user = interface.serving.control().users.get(name)
        kept = None if user is None else user.password
        async with self._checking:
            opens = await asyncio.to_thread(is_password, kept, password)
        if user is None:
            if interface.serving.lacks_facts():
                raise ProblemError(
                    "unavailable",
                    visit.texts("sign_in.not_known_yet"),
                    headers={"Retry-After": "1"},
                )
            return None
        # While the password was looked at the user may have become another, or none.
        is_so = opens and interface.serving.control().users.get(name) == user
        what = "sign-in" if is_so else "sign-in.refused"
        await interface.write_down_for(user.tenant, f"user {user.name}", what, {})
        return user if is_so else None

    async def go(self, visit: Visit, fields: dict[str, str]) -> Response[bytes]:
        """Sign somebody out."""
        if visit.session is not None:
            visit.check_form(fields)
            caller = visit.session.caller
            await visit.interface.write_down_for(caller.tenant, caller.name, "sign-out", {})
        self.leave_old(visit)
        return moved("/sign-in", session_header(visit, ""))

    def leave_old(self, visit: Visit) -> None:
        """End the session that a browser had before."""
        interface = visit.interface
        old = cookies_of(header(visit.headers, b"cookie")).get(interface.session_cookie)
        if old:
            interface.sessions.end(old)

    def _secret_of(self, visit: Visit) -> bytes | None:
        text = cookies_of(header(visit.headers, b"cookie")).get(_FORM_COOKIE, "")
        try:
            found = bytes.fromhex(text)
        except ValueError:
            return None
        return found if len(found) == _SECRET_BYTES else None

    def _count(self, visit: Visit, name: str, address: str) -> None:
        """Raise `ProblemError` where too much was tried."""
        now_ms = visit.interface.now_ms()
        owners = (f"{address} {name}", address, name)
        wait_s = max(
            bucket.take(owner, 1, now_ms) for bucket, owner in zip(self.tries, owners, strict=True)
        )
        if wait_s > 0:
            visit.interface.metrics.limited("sign_in")
            raise ProblemError(
                "too-many",
                visit.texts("sign_in.too_many"),
                headers={"Retry-After": str(max(1, round(wait_s + 0.5)))},
            )


def session_header(visit: Visit, given: str) -> dict[str, str]:
    """Return the header that gives a browser the id of its session; with none it forgets the one it has."""
    interface = visit.interface
    parts = [f"{interface.session_cookie}={given}", "Path=/", "HttpOnly", "SameSite=Lax"]
    parts += ["Secure"] if interface.goes_over_tls else []
    parts += [] if given else ["Max-Age=0"]
    return {"Set-Cookie": "; ".join(parts)}


def asked_for(visit: Visit) -> str:
    """Return the address of the page for signing in, that leads back to where somebody wanted to go."""
    query = f"?{urlencode(visit.query)}" if visit.query else ""
    return f"/sign-in?{urlencode({'next': visit.path + query})}"
