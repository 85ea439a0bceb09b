"""Tokens of an OpenID Connect provider: the one module that knows the library that checks them.

What a token says of itself is not believed: the algorithm, the issuer and the audience are settings, and a token that
names others is none (RFC 8725, 3.1, 3.8, 3.9). Times are checked against the node's clock, with a minute of tolerance.

The provider's public keys come from a file, or are fetched and kept for a while. A token of a key that is not known has
them fetched anew, but not more often than once a minute: else anybody could make the node fetch.
"""

import asyncio
import hashlib
import json
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from homeroom import limits
from homeroom.errors import AccessError, SettingsError

__all__ = ["HTTPS", "Fetch", "OidcTokens", "answer_of", "fetched"]

Fetch = Callable[[str], bytes]
"""Returns what lies at an address. Raises `OSError`."""

_TOLERANCE_S: Final = 60
_REFETCH_S: Final = 60
_TIMEOUT_S: Final = 5.0
HTTPS: Final = "https://"


def fetched(address: str) -> bytes:
    """Return what lies at an https address, within a bound and five seconds. Raises `OSError`."""
    return answer_of(address)


def answer_of(address: str, form: bytes | None = None) -> bytes:
    """Return what an https address says, to a form that is posted if there is one. Raises `OSError`."""
    if not address.startswith(HTTPS):
        raise OSError("the address is not https")
    headers = {} if form is None else {"Accept": "application/json"}
    request = urllib.request.Request(address, form, headers)  # noqa: S310 - https alone
    context = ssl.create_default_context()
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context) as answer:  # noqa: S310 - https alone
        content: bytes = answer.read(limits.KEY_SET_BYTES_MAX + 1)
    return content


class OidcTokens:
    """Checks tokens.

    Parameters
    ----------
    must_be : the ``issuer``, ``audience`` and ``algorithm`` that a token must name
    keys : a JWK Set (RFC 7517, 5): a file, or an https address
    keys_s : seconds that a fetched set is used
    names : which claim holds what; see `homeroom.serve.access.caller_of_claims`
    fetch : gets what lies at an address

    Raises
    ------
    SettingsError
        The file of keys cannot be read, or holds none.
    """

    def __init__(
        self,
        must_be: Mapping[str, str],
        keys: str,
        keys_s: int,
        names: Mapping[str, str],
        fetch: Fetch = fetched,
    ) -> None:
        self.names = dict(names)
        self._must_be = dict(must_be)
        self._keys, self._keys_s, self._fetch = keys, keys_s, fetch
        self._known: KeySet | None = None
        self._tried_s = float("-inf")
        self._fetched_s = float("-inf")
        self._lock = asyncio.Lock()
        if not keys.startswith(HTTPS):
            self._known = _read_set(_file(keys), keys)

    async def claims(self, token: str, now_ms: int) -> Mapping[str, Any]:
        """Return what a token says. Raises `AccessError` for one that is not valid."""
        now_s = now_ms / 1_000
        if len(token) > limits.TOKEN_CHARACTERS_MAX:
            raise AccessError(f"the token has more than {limits.TOKEN_CHARACTERS_MAX:,} characters")
        known = await self._key_set(now_s, self._keys_s)
        try:
            return self._checked(token, known, now_s)
        except JoseError as error:
            again = await self._key_set(now_s, _REFETCH_S)
            if again is known:
                raise AccessError(f"the token is not valid ({type(error).__name__})") from None
        try:
            return self._checked(token, again, now_s)
        except JoseError as error:
            raise AccessError(f"the token is not valid ({type(error).__name__})") from None

    def subject(self, claims: Mapping[str, Any]) -> str:
        """Return a name for the subject of a token that names nobody."""
        text = json.dumps([claims.get("iss"), claims.get("sub")])
        return f"oidc-{hashlib.sha256(text.encode()).hexdigest()[:24]}"

    def _checked(self, token: str, known: KeySet, now_s: float) -> Mapping[str, Any]:
        try:
            found = jwt.decode(token, known, algorithms=[self._must_be["algorithm"]])
        except (ValueError, TypeError, KeyError) as error:
            raise AccessError(f"the token cannot be read ({type(error).__name__})") from None
        registry = jwt.JWTClaimsRegistry(
            now=int(now_s),
            leeway=_TOLERANCE_S,
            iss={"essential": True, "value": self._must_be["issuer"]},
            aud={"essential": True, "value": self._must_be["audience"]},
            exp={"essential": True},
            sub={"essential": True},
        )
        registry.validate(found.claims)
        return found.claims

    async def _key_set(self, now_s: float, age_s: float) -> KeySet:
        """Return the provider's keys, fetched anew if they are older than this, and were not tried just now."""
        if not self._keys.startswith(HTTPS):
            assert self._known is not None, "a file is read at once"
            return self._known
        async with self._lock:
            is_old = now_s - self._fetched_s >= age_s
            if is_old and now_s - self._tried_s >= _REFETCH_S:
                self._tried_s = now_s
                try:
                    content = await asyncio.to_thread(self._fetch, self._keys)
                    self._known = _read_set(content, "oidc.keys")
                except (OSError, SettingsError) as error:
                    # Keys that were good yesterday are better than nobody getting in.
                    if self._known is None:
                        raise AccessError(
                            f"the provider's keys cannot be fetched ({type(error).__name__})"
                        ) from error
                else:
                    self._fetched_s = now_s
            if self._known is None:
                raise AccessError("the provider's keys could not be fetched; they are tried again")
            return self._known


def _file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(limits.KEY_SET_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError(f"oidc.keys: {path} cannot be read: {error.strerror}") from error


def _read_set(content: bytes, place: str) -> KeySet:
    if len(content) > limits.KEY_SET_BYTES_MAX:
        raise SettingsError(
            f"{place} has more than {limits.KEY_SET_BYTES_MAX:,} bytes; a JWK Set is smaller"
        )
    try:
        return KeySet.import_key_set(json.loads(content))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(f"{place} is no JWK Set ({type(error).__name__})") from error
