"""Who is behind the pseudonyms, for those who asked to know.

Only ``--names`` makes a `NameBook`; without it no code holds a name past the door. It keeps one entry a learner, not
one an event, and writes them to a file that its owner alone may read, apart from everything else, so that it can be
kept elsewhere or thrown away.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from homeroom.adapters.small_tables import read_columns
from homeroom.adapters.whole_files import PRIVATE, whole_file
from homeroom.errors import SourceError
from homeroom.events.model import UInt64s

__all__ = ["NameBook", "read_names"]

SUFFIXES = (".csv", ".parquet")
_COLUMNS = ("pseudonym", "issuer", "account")


class NameBook:
    """Issuer and account behind each pseudonym, one entry a learner."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, int], tuple[str, str]] = {}

    def __len__(self) -> int:
        """Return the number of learners."""
        return len(self._entries)

    def add(
        self, key_hi: UInt64s, key_lo: UInt64s, issuers: Sequence[str], accounts: pa.Array
    ) -> None:
        """Take the issuer and account behind each pseudonym; what is known already is passed over."""
        keys = list(zip(key_hi.tolist(), key_lo.tolist(), strict=True))
        # From the back, so that the first place of each key stays.
        places = {
            key: place
            for place, key in zip(range(len(keys) - 1, -1, -1), reversed(keys), strict=True)
        }
        for key in places.keys() - self._entries.keys():
            place = places[key]
            self._entries[key] = (issuers[place], accounts[place].as_py())

    def table(self) -> pa.Table:
        """Return the columns ``pseudonym`` (32 hexadecimal digits), ``issuer`` and ``account``, sorted."""
        rows = sorted(self._entries.items())
        return pa.table(
            {
                "pseudonym": pa.array([f"{hi:016x}{lo:016x}" for (hi, lo), _ in rows], pa.string()),
                "issuer": pa.array([issuer for _, (issuer, _) in rows], pa.string()),
                "account": pa.array([account for _, (_, account) in rows], pa.string()),
            }
        )

    def write(self, path: Path) -> None:
        """Write the table to a file with mode 0600, in the place of any that is there.

        Raises
        ------
        SourceError
            The name ends in neither ``.csv`` nor ``.parquet``, or the file cannot be written.
        """
        if path.suffix not in SUFFIXES:
            raise SourceError(
                f"names file {path} ends in {path.suffix!r}, must be {' or '.join(SUFFIXES)}"
            )
        with whole_file(path, PRIVATE) as sink:
            if path.suffix == ".csv":
                pyarrow.csv.write_csv(self.table(), sink)
            else:
                pyarrow.parquet.write_table(self.table(), sink, compression="zstd")


def read_names(path: Path) -> dict[str, tuple[str, str]]:
    """Return issuer and account by pseudonym, from a file that a `NameBook` wrote. Raises `SourceError`."""
    columns = read_columns(path, _COLUMNS, f"names file {path}")
    if columns is None:
        raise SourceError(f"{path} is no file of names; one has the columns {', '.join(_COLUMNS)}")
    rows = zip(*(columns[name].to_pylist() for name in _COLUMNS), strict=True)
    return {pseudonym: (issuer or "", account or "") for pseudonym, issuer, account in rows}
