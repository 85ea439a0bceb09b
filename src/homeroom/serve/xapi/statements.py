"""The statements resource: sending, one by id, and searching (1.0.3, Communication, 2.1; 2.0, 4.1.6.1)."""

from collections.abc import Sequence
from email.utils import formatdate
from typing import Any, Final

from homeroom import limits
from homeroom.errors import RecordError
from homeroom.records.forms import is_uuid
from homeroom.records.multipart import boundary_of, data_of, split_parts, written_parts
from homeroom.records.people import Json
from homeroom.records.queries import (
    Attachments,
    OneStatement,
    once_each,
    statements_asked,
)
from homeroom.records.reading import read_json
from homeroom.records.showing import languages_of
from homeroom.records.signatures import Verify, check_signatures
from homeroom.records.statements import check_statement
from homeroom.records.store import Accepted, Page, Records, Sent, Shown
from homeroom.serve.xapi.exchange import Answer, Request, answer_json, problem, written

__all__ = ["CONSISTENT_HEADER", "Statements"]

CONSISTENT_HEADER: Final = "X-Experience-API-Consistent-Through"
CURSOR: Final = "cursor"
"""The parameter of a `more` link."""


class Statements:
    """Answers requests about statements.

    Parameters
    ----------
    records : keeps them
    verify : verifies signatures
    path : of this resource, for `more` links
    """

    def __init__(self, records: Records, verify: Verify, path: str) -> None:
        self._records = records
        self._verify = verify
        self._path = path

    async def put(self, request: Request) -> Answer:
        """Keep one statement under the id in the URL."""
        given = once_each(request.pairs, {"statementId"})
        identifier = given.get("statementId", "")
        if not is_uuid(identifier):
            raise RecordError("statementId", "is missing, or is no UUID")
        sent = self._sent(request)
        if len(sent.statements) != 1:
            raise RecordError("", "the body must be one statement")
        statement = sent.statements[0]
        if statement.setdefault("id", identifier).lower() != identifier.lower():
            raise RecordError("id", "must be the same as statementId")
        outcome = await self._records.accept(sent, request.caller, request.holding)
        return written(outcome, Answer(204))

    async def post(self, request: Request) -> Answer:
        """Keep one statement or several, and return their ids."""
        once_each(request.pairs, frozenset())
        outcome = await self._records.accept(self._sent(request), request.caller, request.holding)
        ids = outcome.ids if isinstance(outcome, Accepted) else ()
        return written(outcome, answer_json(ids))

    # --- sending -----------------------------------------------------------------------------------------------------

    def _sent(self, request: Request) -> Sent:
        """Return the statements of a body, checked, with the data of their attachments."""
        content_type = request.headers.get("content-type", "")
        kind = content_type.partition(";")[0].strip().lower()
        if kind == "application/json":
            statements = _statements(request.body, request)
            return self._checked(Sent(statements, data_of((), statements), request.version))
        if kind != "multipart/mixed":
            raise RecordError("Content-Type", "must be application/json or multipart/mixed")
        first, *others = split_parts(request.body, boundary_of(content_type))
        part_kind = first.headers.get("content-type", "").partition(";")[0].strip().lower()
        if part_kind != "application/json":
            raise RecordError("part 1", "must have Content-Type: application/json")
        statements = _statements(first.data, request)
        return self._checked(Sent(statements, data_of(others, statements), request.version))

    def _checked(self, sent: Sent) -> Sent:
        """Look at signatures, if there are any."""
        for statement in sent.statements:
            if "attachments" in statement:
                check_signatures(statement, sent.data, sent.version, self._verify)
        return sent

    # --- finding -----------------------------------------------------------------------------------------------------

    async def get(self, request: Request) -> Answer:
        """Return one statement, or a page of them."""
        languages = languages_of(request.headers.get("accept-language", ""))
        if any(name == CURSOR for name, _ in request.pairs):
            cursor = once_each(request.pairs, {CURSOR})[CURSOR]
            return self._page(await self._records.more(cursor, request.caller, languages))
        asked = statements_asked(request.pairs, request.version)
        if not isinstance(asked, OneStatement):
            page = await self._records.search(asked, request.caller, languages)
            return self._page(page)
        shown = await self._records.statement(asked, request.caller, languages)
        if shown is None:
            raise problem("not-found", "there is no such statement", "statementId")
        answer = _answer(shown.statement, [shown], asked.attachments)
        return answer.with_headers(
            {"Last-Modified": formatdate(shown.stored_ms // 1000, usegmt=True)}
        )

    def _page(self, page: Page) -> Answer:
        more = "" if page.more is None else f"{self._path}?{CURSOR}={page.more}"
        result = {"statements": [one.statement for one in page.statements], "more": more}
        return _answer(result, page.statements, page.attachments)


def _statements(body: bytes, request: Request) -> list[Json]:
    """Return the statements of a body: one, or an array of them."""
    value: Any = read_json(body)
    if isinstance(value, dict):
        check_statement(value, request.version)
        return [value]
    if not isinstance(value, list):
        raise RecordError("", "the body must be a statement or an array of statements")
    if len(value) > limits.STATEMENTS_SENT_MAX:
        raise RecordError(
            "",
            f"the body has {len(value):,} statements, at most {limits.STATEMENTS_SENT_MAX:,} are allowed",
        )
    for number, statement in enumerate(value):
        try:
            check_statement(statement, request.version)
        except RecordError as error:
            raise error.under(f"[{number}]") from None
    return value


def _answer(value: object, shown: Sequence[Shown], attachments: Attachments) -> Answer:
    """Return an answer as JSON or, with attachments, in parts."""
    answer = answer_json(value)
    if attachments is Attachments.LEFT_OUT:
        return answer
    content_type, body = written_parts(
        answer.body, [pair for one in shown for pair in one.attachments]
    )
    return Answer(200, body, content_type)
