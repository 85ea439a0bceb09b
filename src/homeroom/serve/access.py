"""Who is asking: from what a request carries to what it may do.

A request carries a key (``Authorization: Bearer hr_…``, or Basic with the key's name as user and the key as password,
which is what clients of record stores can do), or a token of an OpenID Connect provider. Either becomes a `Caller`, and
nothing behind this module knows the difference.

Whatever opens nothing is told the same, whether the key is unknown, expired or revoked: who guesses learns nothing.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from homeroom import limits
from homeroom.errors import AccessError
from homeroom.log.control import MAIN, Control, Key, Scope
from homeroom.serve.keys import MARK, find_key
from homeroom.serve.problems import ProblemError

__all__ = ["Access", "Caller", "Tokens", "caller_of_claims"]

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="homeroom", Basic realm="homeroom"'}
_SCOPE_MARK: Final = "homeroom:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking.

    Parameters
    ----------
    name : of the key and its prefix, or of the token's subject, hashed: for the audit log
    tenant : whose events it sends and sees
    owner : whose batch ids are told apart
    scopes : what it may do
    courses, organisations : if any are named, it sees no others
    """

    name: str
    tenant: str
    owner: str
    scopes: frozenset[Scope]
    courses: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()

    @property
    def is_limited(self) -> bool:
        """Whether it sees only some course runs or organisations."""
        return bool(self.courses or self.organisations)

    @property
    def runs_node(self) -> bool:
        """Whether it is told of the node as a whole: an admin of the first tenant, who sees all of that."""
        return Scope.ADMIN in self.scopes and self.tenant == MAIN and not self.is_limited

    def need(self, *scopes: Scope) -> None:
        """Raise `ProblemError` unless the caller has one of these scopes."""
        if self.scopes.isdisjoint(scopes):
            wanted = " or ".join(scopes)
            raise ProblemError(
                "not-allowed", f"this needs the scope {wanted}", {"scope": list(scopes)}
            )

    def need_all_courses(self, what: str) -> None:
        """Raise `ProblemError` if the caller sees only some course runs, which ``what`` does not keep apart."""
        if self.is_limited:
            raise ProblemError(
                "not-allowed", f"{what} all course runs, and this key sees only some"
            )


class Tokens(Protocol):
    """Checks tokens of a provider."""

    @property
    def names(self) -> Mapping[str, str]:
        """Which claim holds what, as `caller_of_claims` wants it."""

    async def claims(self, token: str, now_ms: int) -> Mapping[str, Any]:
        """Return what a token says. Raises `AccessError` for one that is not valid."""

    def subject(self, claims: Mapping[str, Any]) -> str:
        """Return a name for the token's subject that names nobody."""


class Access:
    """Finds out who is asking.

    Parameters
    ----------
    control : returns what was stated so far
    tokens : checks tokens of a provider, None where there is none
    """

    def __init__(self, control: Callable[[], Control], tokens: Tokens | None = None) -> None:
        self._control = control
        self._tokens = tokens
        # By digest of what was given, who that was; under the control of this moment.
        self._held: dict[bytes, tuple[Key, Caller]] = {}
        self._held_under: Control | None = None

    def known(self, authorization: str, now_ms: int) -> Caller | None:
        """Return who is asking with a key; None if it is no key of ours, or none that opens anything.

        Who was known is known again by the digest of what was given, as long as nothing else is stated: a key that is
        revoked opens nothing from then on, and one that expires is looked at each time.
        """
        control = self._control()
        if control is not self._held_under:
            self._held_under = control
            self._held.clear()
        digest = hashlib.sha256(authorization.encode("utf-8", "surrogateescape")).digest()
        held = self._held.get(digest)
        if held is None:
            key = self._found(authorization, now_ms)
            if key is None:
                return None
            if len(self._held) >= limits.CALLERS_HELD:
                self._held.clear()
            held = self._held[digest] = key, _of_key(key)
        key, caller = held
        return caller if key.is_valid(now_ms) else None

    def _found(self, authorization: str, now_ms: int) -> Key | None:
        kind, _, given = authorization.partition(" ")
        kind, given = kind.lower(), given.strip()
        if kind == "bearer":
            return find_key(self._control(), given, now_ms)
        if kind != "basic":
            return None
        name, text = _basic(given)
        key = find_key(self._control(), text, now_ms)
        return key if key is not None and key.name == name else None

    async def caller(self, authorization: str | None, now_ms: int) -> Caller:
        """Return who is asking. Raises `ProblemError` if nobody is known."""
        if not authorization:
            raise ProblemError(
                "not-authenticated",
                "give a key: Authorization: Bearer hr_…",
                headers=_CHALLENGE,
            )
        caller = self.known(authorization, now_ms)
        kind, _, token = authorization.partition(" ")
        token = token.strip()
        if caller is None and self._tokens is not None and kind.lower() == "bearer":
            caller = await self._of_token(token, now_ms)
        if caller is None:
            raise ProblemError(
                "not-authenticated",
                "the key or token is none, or none any more; homeroom keys list shows those there are",
                headers=_CHALLENGE,
            )
        return caller

    async def _of_token(self, token: str, now_ms: int) -> Caller | None:
        assert self._tokens is not None, "somebody checks tokens"
        if token.startswith(MARK):
            return None
        try:
            claims = await self._tokens.claims(token, now_ms)
            subject = self._tokens.subject(claims)
            caller = caller_of_claims(claims, self._tokens.names, subject)
        except AccessError:
            return None
        return caller if caller.tenant in self._control().tenants else None


def _of_key(key: Key) -> Caller:
    return Caller(
        name=f"{key.name} ({key.prefix})",
        tenant=key.tenant,
        owner=key.owner,
        scopes=key.scopes,
        courses=key.courses,
        organisations=key.organisations,
    )


def _basic(given: str) -> tuple[str, str]:
    """Return user and password (RFC 7617); empty ones for what is no such thing."""
    try:
        text = base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    # A key's name may hold a colon, a key does not.
    name, _, password = text.rpartition(":")
    return name, password


def caller_of_claims(claims: Mapping[str, Any], names: Mapping[str, str], subject: str) -> Caller:
    """Return the caller that a token's claims describe.

    Parameters
    ----------
    claims : what the token says
    names : which claim holds what: ``scope``, and if there is one ``tenant``; ``default`` is the tenant without it
    subject : a name for the token's subject that names nobody

    Raises
    ------
    AccessError
        The token names no tenant, or its scopes in a form that there is not.
    """
    given = claims.get(names["scope"], ())
    if not isinstance(given, str | list | tuple):
        raise AccessError(f"the claim {names['scope']} of the token is neither text nor a list")
    words = given.split() if isinstance(given, str) else given
    known = {f"{_SCOPE_MARK}{scope}": scope for scope in Scope}
    scopes = frozenset(known[word] for word in words if isinstance(word, str) and word in known)
    tenant = claims.get(names["tenant"]) if "tenant" in names else names["default"]
    if not isinstance(tenant, str):
        raise AccessError(f"the token has no claim {names.get('tenant')} that names a tenant")
    return Caller(name=subject, tenant=tenant, owner=subject, scopes=scopes)
