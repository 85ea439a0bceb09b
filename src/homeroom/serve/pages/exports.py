"""The numbers of a question as a file: CSV for spreadsheets, Parquet for programs; each row is a cell of the answer."""

import base64
import io
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec
from litestar import Response

from homeroom.cohorts.answers import Answer
from homeroom.cohorts.live import Wanted
from homeroom.log.control import Scope
from homeroom.serve.access import Caller
from homeroom.serve.asking import Form, told
from homeroom.serve.looks.download import csv_text
from homeroom.serve.pages.drawing import ended
from homeroom.serve.pages.frame import SAFE
from homeroom.serve.pages.questions import written_of
from homeroom.serve.pages.visits import Visit

__all__ = ["TYPES", "file_of"]

TYPES: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
"""What can be had, and how it is called."""


async def file_of(visit: Visit, kind: str, suffix: str) -> Response[bytes]:
    """Return the numbers of the question that an address asks. Raises as `homeroom.serve.asking.told` does."""
    visit.caller.need(Scope.READ, Scope.PERSONS)
    form = Form(f"file {suffix}".encode(), partial(_told, suffix))
    written = written_of(kind, visit.query)
    live = await told(visit.interface, visit.caller, written, Wanted(), form)
    content = base64.b64decode(msgspec.json.decode(live.told)["file"])
    name = f'attachment; filename="{kind}.{suffix}"'
    headers = {**SAFE, "Content-Disposition": name}
    return Response(content, media_type=TYPES[suffix], headers=headers)


def _told(suffix: str, caller: Caller, _written: Mapping[str, Any], answer: Answer) -> bytes:
    content = csv_text(answer).encode() if suffix == "csv" else _parquet(answer)
    return ended({"file": base64.b64encode(content).decode()}, caller, answer)


def _parquet(answer: Answer) -> bytes:
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(answer.to_arrow(), out, compression="zstd")
    return out.getvalue()
