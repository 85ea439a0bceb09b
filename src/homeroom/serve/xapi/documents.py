"""The resources that keep documents: state, activity profile, agent profile (1.0.3, 2.2, 2.3, 2.6, 2.7; 2.0, 4.1.6)."""

import re
from email.utils import formatdate
from typing import Final

from homeroom.errors import RecordError
from homeroom.records.documents import (
    Action,
    Conditions,
    Document,
    Kind,
    address_of,
    entity_tag,
)
from homeroom.records.store import DocumentChange, Listed, Records
from homeroom.serve.xapi.exchange import Answer, Request, answer_json, problem, written

__all__ = ["Documents"]

_is_content_type: Final = re.compile(r"[\x20-\x7e]{1,200}").fullmatch
"""Match what may stand in a header: a type that came in a form could hold the end of a line, and more headers."""
_HARMLESS: Final = {
    # A document is whatever a tool sent, and must not run as a page of this server.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",
}


class Documents:
    """Answers requests about one kind of document.

    Parameters
    ----------
    records : keeps them
    kind : which
    """

    def __init__(self, records: Records, kind: Kind) -> None:
        self._records = records
        self._kind = kind
        self._id_name = "stateId" if kind is Kind.STATE else "profileId"

    async def get(self, request: Request) -> Answer:
        """Return one document, or the ids of those that there are."""
        address = address_of(self._kind, request.pairs, request.version)
        if address.document_id is None:
            return _list(await self._records.document_ids(address, request.caller))
        document = await self._records.document(address, request.caller)
        if document is None:
            raise problem("not-found", "there is no such document", self._id_name)
        headers = {
            "ETag": entity_tag(document.content),
            "Last-Modified": formatdate(document.updated_ms // 1000, usegmt=True),
            **_HARMLESS,
        }
        seen = Conditions(if_none_match=request.headers.get("if-none-match"))
        if not seen.hold(document):
            return Answer(304, headers=headers)
        return Answer(200, document.content, document.content_type, headers)

    async def put(self, request: Request) -> Answer:
        """Write a document."""
        return await self._change(request, Action.PUT)

    async def post(self, request: Request) -> Answer:
        """Write a document, or merge it into the one that is there."""
        return await self._change(request, Action.POST)

    async def delete(self, request: Request) -> Answer:
        """Drop a document, or all states of an activity for a person."""
        return await self._change(request, Action.DELETE)

    async def _change(self, request: Request, action: Action) -> Answer:
        if any(name == "since" for name, _ in request.pairs):
            raise RecordError("since", "may stand only in a GET")
        address = address_of(self._kind, request.pairs, request.version)
        takes_all = action is Action.DELETE and self._kind is Kind.STATE
        if address.document_id is None and not takes_all:
            raise RecordError(self._id_name, "is missing")
        conditions = Conditions(
            request.headers.get("if-match"), request.headers.get("if-none-match")
        )
        document = None if action is Action.DELETE else _document(request)
        change = DocumentChange(address, action, conditions, document, request.version)
        outcome = await self._records.change(change, request.caller, request.holding)
        return written(outcome, Answer(204))


def _list(listed: Listed) -> Answer:
    answer = answer_json(listed.ids)
    headers = {"ETag": entity_tag(answer.body)}
    if listed.updated_ms is not None:
        headers["Last-Modified"] = formatdate(listed.updated_ms // 1000, usegmt=True)
    return answer.with_headers(headers)


def _document(request: Request) -> Document:
    content_type = request.headers.get("content-type", "application/octet-stream")
    if not _is_content_type(content_type):
        raise RecordError("Content-Type", "must be at most 200 characters of printable ASCII")
    return Document(request.body, content_type, 0)
