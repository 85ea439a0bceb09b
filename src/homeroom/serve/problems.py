"""What a client is told when something is not done: a problem document (RFC 9457), always of one form.

It names what stands against the request, the field and the bound, and what to do. It never repeats what the client
sent: a name that was written where a pseudonym belongs would else stand in the logs of every proxy on the way. Our own
errors quote values, for people at a terminal; `Scrubbed` takes these out again before they leave.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from homeroom.errors import HomeroomError

__all__ = ["PROBLEMS", "PROBLEM_TYPE", "ProblemError", "scrubbed"]

PROBLEM_TYPE: Final = "application/problem+json"

PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "bad-request": (400, "The request cannot be read"),
    "bad-question": (400, "The question makes no sense"),
    "bad-definition": (400, "The definition makes no sense"),
    "bad-token": (400, "The token is none that this node gave"),
    "not-authenticated": (401, "A valid key is needed"),
    "not-allowed": (403, "The key does not open this"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "This cannot be done here"),
    "too-slow": (408, "The request did not come in time"),
    "conflict": (409, "This contradicts what was sent before"),
    "precondition-failed": (412, "It has changed in the meantime"),
    "too-large": (413, "The request is too large"),
    "unsupported-type": (415, "The body is of a type that is not taken"),
    "elsewhere": (421, "This tenant's data are taken in other regions"),
    "nothing-accepted": (422, "No event of the batch was accepted"),
    "too-many": (429, "Too many requests"),
    "internal": (500, "A mistake of the node"),
    "not-in-shards": (501, "A node whose learners are in shards does not do this"),
    "overloaded": (503, "More comes than the node can do now"),
    "unavailable": (503, "The node takes nothing now"),
    "home-elsewhere": (503, "This is stated at the home of the world"),
    "not-held": (504, "The batch has not come as far as was asked for in time"),
    "not-yet": (504, "The entry has not come here in time"),
    "not-fresh": (504, "What is new elsewhere has not come here in time"),
}
"""What may go wrong: by name the status and the title. ``docs/reference/http.md`` lists them, and a test compares."""


class ProblemError(HomeroomError):
    """Ends a request.

    Parameters
    ----------
    name : one of `PROBLEMS`
    detail : what stands against it, and what to do; never what the client sent
    extra : further members of the document, such as ``bound``
    headers : further headers of the answer
    """

    def __init__(
        self,
        name: str,
        detail: str,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.name = name
        self.status, self.title = PROBLEMS[name]
        self.detail = detail
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def document(self) -> bytes:
        """Return the problem document."""
        return msgspec.json.encode(
            {
                "type": f"/docs#{self.name}",
                "title": self.title,
                "status": self.status,
                "detail": self.detail,
                **self.extra,
            }
        )


_PIECES: Final = re.compile(r"[=!<>,\s]+")
_SHORT: Final = 2


def scrubbed(message: str, sent: object, known: Iterable[str] = ()) -> str:
    """Return a message without the texts that a client sent, except those that are ours (``known``)."""
    ours = set(known)
    texts = {piece for text in _texts(sent) for piece in (text, *_PIECES.split(text))} - ours
    written = {form for text in texts for form in (text, repr(text)[1:-1])}
    for text in sorted(written, key=len, reverse=True):
        if len(text) > _SHORT:
            message = message.replace(text, "…")
    return message


def _texts(sent: object) -> list[str]:
    """Return every text in plain data, keys included."""
    found: list[str] = []
    waiting = [sent]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
    return found
