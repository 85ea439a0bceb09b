"""What stands around every page: the head, the way to the other pages, who is signed in; and the headers of all.

A policy lets a page run and load the node's own files and nothing else: no script and no style stands in a page, so
even a fault in the escaping could run nothing. Pages are sent compressed, and nobody keeps them.
"""

import functools
import gzip
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from litestar import Response

from homeroom.log.control import Scope
from homeroom.serve.looks.showing import environment
from homeroom.serve.pages.assets import href
from homeroom.serve.pages.visits import Visit

if TYPE_CHECKING:
    import jinja2

__all__ = ["HTML", "PLACES", "SAFE", "drawn", "moved", "templates"]

HTML: Final = "text/html"
PLACES: Final = ("overview", "retention", "lifecycle", "stickiness", "funnel", "paths")
"""The pages that the navigation names, in its order; each lies at ``/NAME``."""
SAFE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Encoding, Accept-Language, Cookie",
}
"""What the pages say beside what every answer says."""
_LEVEL: Final = 5
_SMALL: Final = 1_024


def drawn(
    visit: Visit,
    template: str,
    values: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """Return a page.

    Parameters
    ----------
    visit : whose look it is
    template : the file of the page
    values : what it shows
    status, headers : of the answer, beside those of all pages
    """
    html = templates().get_template(template).render(
        visit=visit,
        t=visit.texts,
        n=visit.locale.number,
        href=href,
        places=_places(visit),
        here=visit.path.strip("/").partition("/")[0],
        **values,
    )  # fmt: skip
    content, said = html.encode("utf-8", "replace"), {**SAFE, **(headers or {})}
    if visit.takes_packed and len(content) > _SMALL:
        content, said = (
            gzip.compress(content, _LEVEL, mtime=0),
            {**said, "Content-Encoding": "gzip"},
        )
    return Response(content, media_type=HTML, status_code=status, headers=said)


def _places(visit: Visit) -> tuple[str, ...]:
    """Return the pages that somebody may look at."""
    if visit.session is None:
        return ()
    is_coarse = visit.caller.scopes.isdisjoint({Scope.READ, Scope.PERSONS})
    return PLACES[:1] if is_coarse else PLACES


def moved(place: str, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """Return an answer that sends a browser to another place of ours, which it is to read."""
    return Response(
        b"",
        status_code=303,
        media_type=HTML,
        headers={**SAFE, "Location": place, **(headers or {})},
    )


@functools.cache
def templates() -> "jinja2.Environment":
    """Return the templates of the pages."""
    return environment("homeroom.serve.pages")
