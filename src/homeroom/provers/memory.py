"""What earlier runs measured, in one file: a line a run, only ever added to, and read when a later run is compared.

Runs are compared with those of the same plan, size, target and kind of machine. A level that is meant to be worse is
accepted: from then on the runs before are history that nobody compares with.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from homeroom import limits
from homeroom.errors import ProvingError
from homeroom.proving.regressions import Better, History, Regression, find_regressions

__all__ = ["MEMORY", "accept", "compare", "histories", "remember"]

_FLOORS: Final = {"share": 1e-6, "ms": 0.01, "s": 0.001, "count": 1.0, "exponent": 0.01}
"""By unit what a figure can be told from; other units: one."""

MEMORY: Final = "runs.ndjson"
"""Name of the file in the folder of a report."""
_HARDWARE: Final = ("processor", "processors", "memory_gb", "system")
"""What makes a machine another one; versions of libraries are part of the build."""

Document = Mapping[str, Any]


def remember(path: Path, document: Document) -> None:
    """Add what a run measured; a partial run is none. Raises `ProvingError` if the file cannot be written."""
    if document["is_partial"]:
        return
    figures = {
        one["criterion"]: {
            "measured": one["measured"],
            "unit": one["unit"],
            "better": "lower" if one["comparison"] in ("below", "at_most") else "higher",
        }
        for one in document["findings"]
        if one["measured"] is not None
    }
    _add(path, {**_kind(document), "began_ms": document["began_ms"], "figures": figures})


def compare(path: Path, documents: Sequence[Document]) -> list[Regression]:
    """Remember runs, and return what became worse by them, named by plan and criterion; the worst first.

    Raises
    ------
    ProvingError
        The file cannot be read or written.
    """
    series = {}
    for one in documents:
        remember(path, one)
        if not one["is_partial"]:
            series.update(
                {f"{one['name']}: {name}": it for name, it in histories(path, one).items()}
            )
    return find_regressions(series)


def accept(path: Path, document: Document) -> None:
    """Say that this run's level is what later ones are compared with. Raises `ProvingError`."""
    _add(path, {**_kind(document), "accepted": True})
    remember(path, document)


def histories(path: Path, document: Document) -> dict[str, History]:
    """Return what a run's figures were in earlier runs and in it, the oldest first, if it is in the file.

    Raises
    ------
    ProvingError
        The file cannot be read, or one of its lines is none of ours.
    """
    kind, since = _kind(document), list[Document]()
    for line in _lines(path):
        if {name: line.get(name) for name in kind} == kind:
            since = [] if line.get("accepted") else [*since, line]
    since = since[-limits.PROVING_HISTORY_MAX :]
    newest = since[-1]["figures"] if since else {}
    return {name: _history(name, newest[name], since) for name in newest}


def _history(name: str, newest: Document, lines: list[Document]) -> History:
    figures = [line["figures"][name]["measured"] for line in lines if name in line["figures"]]
    return History(figures, Better(newest["better"]), _FLOORS.get(newest["unit"], 1.0))


def _kind(document: Document) -> dict[str, Any]:
    """Return what two runs must have in common to be compared."""
    machine = {name: document["machine"].get(name) for name in _HARDWARE}
    size = document["plan"].get("run")
    return {
        **{name: document[name] for name in ("test", "name", "target")},
        "machine": machine,
        "run": size,
    }


def _lines(path: Path) -> Iterator[Document]:
    if not path.exists():
        return
    try:
        texts = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ProvingError(f"{path} cannot be read: {error.strerror}") from error
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict) or not (line.get("accepted") or "figures" in line):
            raise ProvingError(
                f"line {number} of {path} is no run; move the file away to begin anew, or remove the line"
            )
        yield line


def _add(path: Path, line: Document) -> None:
    text = json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ProvingError(f"{path} cannot be written: {error.strerror}") from error
