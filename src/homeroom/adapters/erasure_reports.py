"""How far each erasure has come in a data directory, place by place: the lines of its certificate.

It is the directory's own affair, and no backup has it: whatever was brought back may hold again what had been removed,
so a directory that was restored begins with open lines only. The same holds where the file cannot be read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from homeroom.adapters.whole_files import PRIVATE, whole_file

__all__ = ["REPORT_FILE", "Reports", "read_reports", "write_reports"]

REPORT_FILE: Final = "erasures.json"
Reports: TypeAlias = dict[str, dict[str, int]]
"""By the name of an erasure, and the place, when it was done there: milliseconds since 1970 UTC."""
_decode: Final = msgspec.json.Decoder(Reports).decode


def read_reports(folder: Path) -> Reports:
    """Return what was done where; nothing if the file is missing or damaged."""
    try:
        return _decode((folder / REPORT_FILE).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return {}


def write_reports(folder: Path, reports: Mapping[str, Mapping[str, int]]) -> None:
    """Write down what was done where, in place of what was written before. Raises `SourceError`."""
    with whole_file(folder / REPORT_FILE, PRIVATE) as file:
        file.write(msgspec.json.format(msgspec.json.encode(reports)))
