"""Signing in at an OpenID Connect provider: where a browser is sent, and what a code is exchanged for.

The code flow (OpenID Connect Core 1.0, 3.1) with PKCE (RFC 7636): a code that somebody catches on the way opens nothing
without the verifier, which only this node has. The identity token comes from the provider over TLS, and is checked all
the same as any token is (`homeroom.adapters.oidc`), for the name of the pages as its audience.
"""

import asyncio
import base64
import hashlib
import json
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from homeroom.adapters.oidc import HTTPS, OidcTokens, answer_of
from homeroom.errors import AccessError, SettingsError

__all__ = ["OidcSignIn", "Post", "posted"]

Post = Callable[[str, Mapping[str, str]], bytes]
"""Sends a form to an address and returns what it says. Raises `OSError`."""


def posted(address: str, form: Mapping[str, str]) -> bytes:
    """Return what an https address says to a form, within a bound and five seconds. Raises `OSError`."""
    return answer_of(address, urlencode(form).encode())


class OidcSignIn:
    """A provider at which people sign in.

    Parameters
    ----------
    tokens : checks identity tokens, for the client as their audience
    client : the name under which the provider knows the pages, and its secret (empty for none)
    places : where people sign in, where codes are exchanged, and where people come back to
    issuer : of the provider
    post : sends a form
    """

    def __init__(
        self,
        tokens: OidcTokens,
        client: tuple[str, str],
        places: tuple[str, str, str],
        issuer: str,
        post: Post = posted,
    ) -> None:
        self._tokens, self._post = tokens, post
        self._client, self._secret = client
        self._authorization, self._exchange, self._back = places
        for place in (self._authorization, self._exchange):
            if not place.startswith(HTTPS):
                raise SettingsError(
                    "oidc.authorization_url and oidc.token_url must begin with https://"
                )
        self.names = tokens.names
        self.issuer = issuer

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser is sent to sign in."""
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._back,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        sign = "&" if urllib.parse.urlsplit(self._authorization).query else "?"
        return f"{self._authorization}{sign}{urlencode(asked)}"

    async def claims(self, code: str, verifier: str, nonce: str, now_ms: int) -> Mapping[str, Any]:
        """Return what the identity token says that a code stands for. Raises `AccessError` if it stands for none."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "client_id": self._client,
            "code_verifier": verifier,
            **({"client_secret": self._secret} if self._secret else {}),
        }
        try:
            said = json.loads(await asyncio.to_thread(self._post, self._exchange, form))
        except (OSError, ValueError) as error:
            raise AccessError(f"the provider gave no tokens ({type(error).__name__})") from error
        token = said.get("id_token") if isinstance(said, dict) else None
        if not isinstance(token, str):
            raise AccessError("the provider gave no identity token")
        claims = await self._tokens.claims(token, now_ms)
        if claims.get("nonce") != nonce:
            raise AccessError("the identity token was made for another sign-in")
        if claims.get("azp", self._client) != self._client:
            raise AccessError("the identity token was made for another client")
        return claims

    def subject(self, claims: Mapping[str, Any]) -> str:
        """Return a name for whom a token is about that names nobody."""
        return self._tokens.subject(claims)
