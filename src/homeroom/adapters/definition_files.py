"""Files of definitions: cohorts, and the lists of learners that stand in files of their own.

A list may hold pseudonyms, or accounts as their issuer knows them. Accounts become pseudonyms here, under the key of
the data; nothing behind this module knows them.
"""

import tomllib
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from homeroom.adapters.small_tables import read_columns
from homeroom.adapters.written_files import read_written
from homeroom.cohorts.questions import Definitions, parse_definitions
from homeroom.errors import QuestionError, SourceError
from homeroom.events.pseudonyms import pseudonyms

__all__ = ["STANDARD", "read_definitions"]

STANDARD: Final = Path("standard")
"""The name of the definitions that ship with homeroom, where no file of that name lies."""

_LIST_FIELDS: Final = ("file", "issuer")
_PSEUDONYMS: Final = ("pseudonym", "learner")
"""Columns that hold pseudonyms: of a file of names, and of the members of a cohort as CSV."""


def read_definitions(path: Path, key: Callable[[], bytes]) -> Definitions:
    """Read a file of definitions.

    Parameters
    ----------
    path : TOML, or JSON if its name ends in ``.json``; ``standard`` are those that ship with homeroom
    key : returns the key of the pseudonyms; called only if a list holds accounts

    Raises
    ------
    QuestionError
        It cannot be read, or a definition makes no sense; the message names file and place.
    """
    if path == STANDARD and not path.exists():
        shipped = resources.files("homeroom.cohorts.questions") / "standard.toml"
        return parse_definitions(tomllib.loads(shipped.read_text("utf-8")))
    written = read_written(path)
    if not isinstance(written, Mapping):
        raise QuestionError(f"{path} holds no tables; write [cohort.NAME] with a rule below it")
    try:
        lists = written.get("list")
        if isinstance(lists, Mapping):
            read = {name: _list(name, table, path, key) for name, table in lists.items()}
            written = {**written, "list": read}
        return parse_definitions(written)
    except QuestionError as error:
        raise QuestionError(f"{path}: {error}") from None


def _list(name: str, table: object, path: Path, key: Callable[[], bytes]) -> object:
    """Put the members in the place of the file that holds them."""
    if not isinstance(table, Mapping) or "file" not in table:
        return table
    for field in table:
        if field not in _LIST_FIELDS:
            raise QuestionError(
                f"list.{name}.{field} is no field here; beside file may stand issuer"
            )
    if not all(isinstance(value, str) for value in table.values()):
        raise QuestionError(f"list.{name}: file and issuer must be texts")
    return {"members": _members(name, table, path.parent / table["file"], key)}


def _members(
    name: str, table: Mapping[str, Any], file: Path, key: Callable[[], bytes]
) -> list[str]:
    for column in _PSEUDONYMS:
        found = _columns(name, file, (column,))
        if found is not None:
            return [str(one).strip() for one in found[column].to_pylist() if one]
    found = _columns(name, file, ("issuer", "account")) or _columns(name, file, ("account",))
    if found is None:
        raise QuestionError(
            f"list.{name}: {file} has no column of learners; its first line must name one of "
            f"{', '.join(_PSEUDONYMS)}, account"
        )
    accounts = found["account"]
    issuers = found.get("issuer", table.get("issuer", ""))
    if "issuer" in table and "issuer" in found:
        raise QuestionError(f"list.{name}: {file} names the issuers, so issuer has no place here")
    kept = pc.greater(pc.binary_length(pc.fill_null(accounts, "")), 0)  # an empty line is nobody
    if not isinstance(issuers, str):
        issuers = issuers.filter(kept)
    hi, lo = pseudonyms(key(), issuers, accounts.filter(kept))
    return [f"{a:016x}{b:016x}" for a, b in zip(hi.tolist(), lo.tolist(), strict=True)]


def _columns(name: str, file: Path, wanted: tuple[str, ...]) -> dict[str, pa.Array] | None:
    try:
        return read_columns(file, wanted)
    except SourceError as error:
        raise QuestionError(f"list.{name}: {error}") from None
