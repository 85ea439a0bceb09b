"""Signing in at a provider: a browser is sent there, and comes back with a code.

What comes back counts only if this node sent that browser there a while ago: by a state that a cookie of the browser
holds too, and that is good once. What the node keeps of it (the verifier of the code, the nonce of the token, where
somebody wanted to go) stays here. Whoever comes is a caller by the claims of the token, as the bearer of one is.
"""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from litestar import Response

from homeroom import limits
from homeroom.errors import AccessError
from homeroom.serve.access import Caller, caller_of_claims
from homeroom.serve.interface import header
from homeroom.serve.pages.frame import moved
from homeroom.serve.pages.signing_in import SigningIn, session_header
from homeroom.serve.pages.visits import Visit, local_path
from homeroom.serve.problems import ProblemError
from homeroom.serve.sessions import cookies_of

__all__ = ["AtProvider", "Provider"]

_COOKIE: Final = "homeroom-provider"
_NAMES: Final = ("name", "preferred_username", "email")
_CALLED_CHARACTERS_MAX: Final = 80


class Provider(Protocol):
    """A provider at which people sign in; see `homeroom.adapters.oidc_sign_in`."""

    @property
    def names(self) -> Mapping[str, str]:
        """Which claim holds what, as `homeroom.serve.access.caller_of_claims` wants it."""

    @property
    def issuer(self) -> str:
        """Who the provider says it is."""

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser is sent."""

    async def claims(self, code: str, verifier: str, nonce: str, now_ms: int) -> Mapping[str, Any]:
        """Return what is said of whom a code stands for. Raises `AccessError` if it stands for nobody."""

    def subject(self, claims: Mapping[str, Any]) -> str:
        """Return a name for whom it is about that names nobody."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A browser that was sent away."""

    nonce: str
    verifier: str
    wanted: str
    at_ms: int


class AtProvider:
    """The way to a provider and back.

    Parameters
    ----------
    provider : where people sign in
    door : the door of the pages, which they come through
    """

    def __init__(self, provider: Provider, door: SigningIn) -> None:
        self._provider, self._door = provider, door
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        door.has_provider = True

    def go(self, visit: Visit) -> Response[bytes]:
        """Send a browser to the provider."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        while len(self._sent) >= limits.SIGN_IN_SENT_MAX:
            self._sent.popitem(last=False)
        wanted = local_path(dict(visit.query).get("next", ""))
        self._sent[state] = _Sent(nonce, verifier, wanted, visit.interface.now_ms())
        cookie = f"{_COOKIE}={state}; Path=/sign-in/provider; HttpOnly; SameSite=Lax"
        if visit.interface.goes_over_tls:
            cookie += "; Secure"
        return moved(self._provider.address(state, nonce, verifier), {"Set-Cookie": cookie})

    async def back(self, visit: Visit) -> Response[bytes]:
        """Sign in whoever has come back, or say at the door that this opens nothing."""
        said = dict(visit.query)
        try:
            sent = self._sent_by(visit, said)
            caller, given = await self._enter(visit, said.get("code", ""), sent)
        except AccessError:
            visit.interface.metrics.key_refused()
            return self._door.page(visit, visit.texts("sign_in.provider_refused"), 401)
        self._door.leave_old(visit)
        await visit.interface.write_down(caller, "sign-in", {})
        return moved(sent.wanted, session_header(visit, given))

    def _sent_by(self, visit: Visit, said: Mapping[str, str]) -> _Sent:
        state = said.get("state", "")
        sent = self._sent.pop(state, None)
        cookie = cookies_of(header(visit.headers, b"cookie")).get(_COOKIE, "")
        if sent is None or not secrets.compare_digest(cookie.encode(), state.encode()):
            raise AccessError("nobody was sent away with this state")
        if visit.interface.now_ms() - sent.at_ms > limits.SIGN_IN_SENT_MS_MAX:
            raise AccessError("the browser was away for too long")
        if said.get("iss", self._provider.issuer) != self._provider.issuer:
            raise AccessError("another provider sent the browser back (RFC 9207)")
        return sent

    async def _enter(self, visit: Visit, code: str, sent: _Sent) -> tuple[Caller, str]:
        """Return somebody, and the id of their new session."""
        interface, provider = visit.interface, self._provider
        now_ms = interface.now_ms()
        claims = await provider.claims(code, sent.verifier, sent.nonce, now_ms)
        caller = caller_of_claims(claims, provider.names, provider.subject(claims))
        if caller.tenant not in interface.serving.control().tenants:
            raise AccessError("there is no such tenant")
        if not caller.scopes:
            raise ProblemError("not-allowed", visit.texts("sign_in.no_scopes"))
        called = next((str(claims[one]) for one in _NAMES if claims.get(one)), "")
        called = called[:_CALLED_CHARACTERS_MAX] or visit.texts("sign_in.somebody")
        return caller, interface.sessions.begin_of_provider(caller, called, now_ms)
