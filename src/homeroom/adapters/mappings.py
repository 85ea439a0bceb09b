"""Mapping files and the tables that they look values up in, read from disk.

The mapping itself is plain data (``homeroom.events.mapping``); here it gets its bytes, from a file that somebody
wrote or from those that ship with homeroom.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from homeroom.adapters.small_tables import read_columns
from homeroom.errors import MappingError, SourceError
from homeroom.events.mapping import LookupSpec, TableMapping, parse_mapping
from homeroom.events.mapping import fits as name_fits
from homeroom.events.table import Lookup

__all__ = ["LookupTables", "load_mapping", "ready_mappings"]


@functools.cache
def ready_mappings() -> tuple[TableMapping, ...]:
    """Return the mappings that ship with homeroom, by name."""
    folder = resources.files("homeroom.events") / "mappings"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")),
        key=lambda file: file.name,
    )
    return tuple(parse_mapping(file.read_text("utf-8"), file.name) for file in files)


def load_mapping(name_or_path: str) -> TableMapping:
    """Return a ready mapping by its name (``oulad``), or one from a TOML file.

    Raises
    ------
    MappingError
        It makes no sense, or there is none of that name.
    SourceError
        The file cannot be read.
    """
    for mapping in ready_mappings():
        if mapping.name == name_or_path:
            return mapping
    path = Path(name_or_path)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        known = ", ".join(mapping.name for mapping in ready_mappings())
        raise MappingError(
            f"{name_or_path}: no such file, and no ready mapping; there are: {known}"
        ) from None
    except UnicodeDecodeError:
        raise MappingError(f"{path}: a mapping is TOML in UTF-8, and this is not UTF-8") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    return parse_mapping(text, str(path))


class LookupTables:
    """Finds and keeps the tables of look-ups: beside the file that is read, else among all files of the run."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._loaded: dict[Path, dict[LookupSpec, Lookup]] = {}

    def find(self, spec: LookupSpec, beside: Path | None) -> Lookup | None:
        """Return a look-up's table, None if it is nowhere to be found.

        Raises
        ------
        SourceError
            It is there and cannot be read, or has not the columns that the mapping says.
        """
        for path in itertools.chain(_siblings(beside), self._paths):
            if name_fits(path.name, spec.files):
                loaded = self._loaded.setdefault(path, {})
                if spec not in loaded:
                    loaded[spec] = _load(path, spec)
                return loaded[spec]
        return None


def _siblings(path: Path | None) -> Iterator[Path]:
    if path is not None:
        try:
            yield from sorted(path.parent.iterdir())
        except OSError:
            return


def _load(path: Path, spec: LookupSpec) -> Lookup:
    wanted = (*spec.key, *spec.columns)
    columns = read_columns(path, wanted, f"{path}, which the mapping looks values up in,")
    if columns is None:
        raise SourceError(
            f"{path}: the mapping looks up the columns {', '.join(wanted)}, and this has not all of them"
        )
    return Lookup(spec, columns)
