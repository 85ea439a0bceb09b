"""The style, the scripts and the picture of the pages, under addresses that name their content.

An address holds a digest of what lies there, so a browser keeps it for ever and still never shows an old one: other
content has another address. They are made small once, when the node starts. Nothing is built before: what is served is
what was written.
"""

import functools
import gzip
import hashlib
from dataclasses import dataclass
from typing import Final

from homeroom.serve.looks.showing import sheet, written

__all__ = ["Asset", "asset_at", "href"]

_ROOM: Final = "homeroom.serve.pages"
_CSS: Final = "text/css"
_JS: Final = "text/javascript"
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """A file: its content, the same made small, its type and its digest."""

    content: bytes
    packed: bytes
    kind: str
    digest: str

    @property
    def etag(self) -> str:
        """The content's name, as a header tells it."""
        return f'"{self.digest}"'


def href(name: str) -> str:
    """Return the address of a file."""
    return f"/static/{_all()[name].digest}/{name}"


def asset_at(digest: str, name: str) -> Asset | None:
    """Return the file of an address, None if there is none, or if it is another one by now."""
    found = _all().get(name)
    return found if found is not None and found.digest == digest else None


@functools.cache
def _all() -> dict[str, Asset]:
    texts = {
        "pages.css": (_CSS, sheet() + written("static/pages.css", _ROOM)),
        "pages.js": (_JS, written("static/pages.js", _ROOM)),
        "triangle.js": (_JS, written("triangle.js")),
        "icon.svg": ("image/svg+xml", written("static/icon.svg", _ROOM)),
    }
    return {name: _asset(kind, text.encode()) for name, (kind, text) in texts.items()}


def _asset(kind: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
    return Asset(content, gzip.compress(content, 9, mtime=0), kind, digest)
