"""Files that say what to correct: ids of events, pairs of accounts that are one learner, and whom to erase.

Tables like any other: CSV, TSV, Parquet, packed or not, with the names of the columns in the first line. Accounts are
handed on as they stand and are not kept.
"""

from pathlib import Path

import pyarrow as pa

from homeroom.adapters.small_tables import read_columns
from homeroom.errors import SourceError

__all__ = ["read_ids", "read_learners", "read_pairs"]

_PSEUDONYMS = ("pseudonym", "other")
_ACCOUNTS = ("issuer", "account", "other_issuer", "other_account")


def read_ids(path: Path) -> list[str]:
    """Return the ids of a file's column ``id``; empty ones are passed over. Raises `SourceError`."""
    found = read_columns(path, ("id",))
    if found is None:
        raise SourceError(f"{path} has no column id; its first line must name it")
    return [one for one in found["id"].to_pylist() if one]


def read_pairs(path: Path) -> list[tuple[str | tuple[str, str], str | tuple[str, str]]]:
    """Return the pairs of a file: pseudonyms, or accounts as (issuer, account). Raises `SourceError`."""
    found = read_columns(path, _PSEUDONYMS)
    if found is not None:
        return list(zip(*(_texts(found[name]) for name in _PSEUDONYMS), strict=True))
    found = read_columns(path, _ACCOUNTS)
    if found is None:
        raise SourceError(
            f"{path} holds no pairs; its first line must name the columns {', '.join(_PSEUDONYMS)}, or "
            f"{', '.join(_ACCOUNTS)}"
        )
    issuer, account, other_issuer, other_account = (_texts(found[name]) for name in _ACCOUNTS)
    one, other = zip(issuer, account, strict=True), zip(other_issuer, other_account, strict=True)
    return list(zip(one, other, strict=True))


def read_learners(path: Path) -> list[str | tuple[str, str]]:
    """Return the learners of a file: pseudonyms, or accounts as (issuer, account). Raises `SourceError`."""
    found = read_columns(path, _PSEUDONYMS[:1])
    if found is not None:
        return list(_texts(found[_PSEUDONYMS[0]]))
    found = read_columns(path, _ACCOUNTS[:2])
    if found is None:
        raise SourceError(
            f"{path} holds no learners; its first line must name the column {_PSEUDONYMS[0]}, or "
            f"{_ACCOUNTS[0]} and {_ACCOUNTS[1]}"
        )
    issuer, account = (_texts(found[name]) for name in _ACCOUNTS[:2])
    return list(zip(issuer, account, strict=True))


def _texts(column: pa.Array) -> list[str]:
    return [one or "" for one in column.to_pylist()]
