"""One look at a page: who looks, in which language, and what they sent; and what must hold before anything changes.

A browser sends cookies with whatever leads to us, so a cookie alone changes nothing. What changes something is a POST
that the browser says comes from a page of ours (``Sec-Fetch-Site``, or ``Origin`` where that is not sent), and that
gives back a secret of the session. The secret stands in each page in another disguise: pages are compressed, and what
is compressed beside text that others choose could be guessed from sizes (BREACH).
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from homeroom import limits
from homeroom.serve.access import Caller
from homeroom.serve.intake import read_body
from homeroom.serve.interface import Interface, header
from homeroom.serve.looks.texts import Texts, texts_of
from homeroom.serve.pages.locales import Locale, language_of, locale_of
from homeroom.serve.problems import ProblemError
from homeroom.serve.requests import Asked
from homeroom.serve.sessions import Session, cookies_of

__all__ = [
    "THEME_COOKIE",
    "Visit",
    "disguised",
    "form_of",
    "is_disguised",
    "local_path",
    "visit_of",
]

THEME_COOKIE: Final = "homeroom-theme"
_THEMES: Final = frozenset({"light", "dark"})
_SAME: Final = frozenset({"same-origin", "none"})
_FORM: Final = "application/x-www-form-urlencoded"
_FIELDS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A look at a page.

    Parameters
    ----------
    interface : whose page it is
    session : who looks, None for somebody who is not signed in
    texts, locale : in which language, and how numbers and dates are written
    theme : ``light`` or ``dark`` where the reader has chosen, else nothing
    path, query : where, the query as names and values in order
    headers : of the request
    """

    interface: Interface
    session: Session | None
    texts: Texts
    locale: Locale
    theme: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: list[tuple[bytes, bytes]] = field(repr=False)

    @property
    def caller(self) -> Caller:
        """Who looks. Raises `ProblemError` for somebody who is not signed in."""
        if self.session is None:
            raise ProblemError("not-authenticated", self.texts("problem.not_signed_in"))
        return self.session.caller

    @property
    def timezone(self) -> str:
        """The zone in which the reader's tenant cuts its days."""
        tenant = self.interface.serving.control().tenants.get(self.caller.tenant)
        return "UTC" if tenant is None else tenant.timezone

    @property
    def takes_packed(self) -> bool:
        """Whether the browser takes what is compressed."""
        return "gzip" in (header(self.headers, b"accept-encoding") or "")

    def token(self) -> str:
        """Return what a form of this page must give back."""
        assert self.session is not None, "somebody is signed in"
        return disguised(self.session.secret)

    def check_form(self, fields: dict[str, str]) -> None:
        """Raise `ProblemError` unless what was sent comes from a page of this session."""
        self.check_origin()
        if self.session is None or not is_disguised(fields.get("token", ""), self.session.secret):
            raise ProblemError("not-allowed", self.texts("problem.not_from_here"))

    def check_origin(self) -> None:
        """Raise `ProblemError` if a page of somebody else's sent this."""
        site = header(self.headers, b"sec-fetch-site")
        origin = header(self.headers, b"origin")
        host = header(self.headers, b"host") or ""
        is_ours = site in _SAME if site else origin is None or urlsplit(origin).netloc == host
        if not is_ours:
            raise ProblemError("not-allowed", self.texts("problem.not_from_here"))


def visit_of(interface: Interface, request: Asked) -> Visit:
    """Return the look that a request is. Raises `ProblemError` if it asks too much, or too often."""
    headers = list(request.scope["headers"])
    text = request.scope["query_string"].decode("latin-1")
    texts = texts_of(language_of(header(headers, b"accept-language") or ""))
    if len(text) > limits.QUERY_CHARACTERS_MAX:
        raise ProblemError("too-large", texts("problem.long_address"))
    theme = cookies_of(header(headers, b"cookie")).get(THEME_COOKIE, "")
    return Visit(
        interface=interface,
        session=interface.admit_session(headers),
        texts=texts,
        locale=locale_of(header(headers, b"accept-language") or ""),
        theme=theme if theme in _THEMES else "",
        path=request.scope["path"],
        query=_pairs(text, texts),
        headers=headers,
    )


async def form_of(interface: Interface, request: Asked) -> dict[str, str]:
    """Return the fields of the form that a request carries, the last of each name. Raises `ProblemError`."""
    headers = list(request.scope["headers"])
    kind = (header(headers, b"content-type") or "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise ProblemError(
            "unsupported-type", f"Content-Type must be {_FORM}", {"field": "Content-Type"}
        )
    bounds = (limits.FORM_BYTES_MAX, interface.settings.server.body_seconds_max)
    body = await read_body(request.receive, headers, bounds)
    return dict(_pairs(body.decode("utf-8", "replace"), texts_of("en")))


def _pairs(text: str, texts: Texts) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(
            parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="replace")
        )
    except ValueError:
        raise ProblemError("too-large", texts("problem.long_address")) from None


def local_path(text: str) -> str:
    """Return where to go after signing in: a place of ours, whatever was asked for."""
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_ours and "\\" not in text else "/overview"


def disguised(secret: bytes) -> str:
    """Return a secret as it stands in a page: another text each time."""
    mask = secrets.token_bytes(len(secret))
    return (mask + bytes(a ^ b for a, b in zip(mask, secret, strict=True))).hex()


def is_disguised(text: str, secret: bytes) -> bool:
    """Say whether this is the secret in disguise."""
    try:
        both = bytes.fromhex(text)
    except ValueError:
        return False
    half = len(secret)
    if len(both) != 2 * half:
        return False
    found = bytes(a ^ b for a, b in zip(both[:half], both[half:], strict=True))
    return hmac.compare_digest(found, secret)
