"""What changed the past of a data directory, on disk: voids, edges, erased keys, consents, and what follows from them.

The facts are the voided ids, the edges between accounts, further copies of events and voids, the raw keys that are
erased (of which no segment beside this file has any event), and consents. What each account goes under and the veils of
the segments follow from them, but finding them takes a walk through all edges and a look into every segment; so they
are written down beside the facts, in one file of arrays, and a question begins as quickly as without. (Who is withheld
is found anew.) The events of merged accounts under their common key are a segment like any other, which lies with the
state and not with history: nobody who reads history with other tools should meet them twice.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.adapters.tensors import read_tensors, write_tensors
from homeroom.errors import DataDirectoryError
from homeroom.events.texts import sealed
from homeroom.log.consents import Need
from homeroom.state.consents import Consents
from homeroom.state.copies import Copies
from homeroom.state.history import Segment
from homeroom.state.identities import Identities
from homeroom.state.keys import Renamed
from homeroom.state.past import History
from homeroom.state.veils import Veil

__all__ = ["read_past", "write_past"]


def write_past(path: Path, history: History) -> None:
    """Write facts and veils to a new file and make it durable."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "voids": history.voids,
        "edges": history.identities.edges,
        "taken_back": history.identities.taken_back,
        "moved": np.stack(history.identities.moved),
        **history.copies.written("copies"),
        **history.void_copies.written("void_copies"),
    }
    if len(history.erased[0]):
        arrays["erased"] = np.stack(history.erased)
    if history.withheld.may_change(history.consents):
        arrays |= history.consents.written()
        is_needed = history.withheld.only is not None
        arrays["consents/need"] = np.array([history.withheld.epoch, int(is_needed)], np.int64)
    for number, veil in enumerate(history.veils):
        arrays[f"{number}/voided"], arrays[f"{number}/moved"] = veil.voided, veil.moved
        arrays[f"{number}/span"] = np.array(veil.span or (), np.int64)
    write_tensors(path, arrays)


def read_past(
    path: Path, history: History, stored: Sequence[Segment], joined: Sequence[Segment]
) -> None:
    """Put stored segments behind their veils. Raises `DataDirectoryError` if the file is not whole or of others."""
    arrays = read_tensors(path)
    veiled = [name for name in arrays if name.split("/")[0].isdigit()]
    if len(veiled) != 3 * len(stored):
        raise DataDirectoryError(
            f"{path} is not of the segments beside it. Restore the directory from a backup, or load its files into a "
            f"new one"
        )
    history.voids = arrays["voids"]
    history.copies = Copies.read(arrays, "copies")
    history.void_copies = Copies.read(arrays, "void_copies")
    moved = Renamed(*map(sealed, arrays["moved"]))
    if "erased" in arrays:
        erased_hi, erased_lo = map(sealed, arrays["erased"])
        history.erased = (erased_hi, erased_lo)
    history.identities = Identities(arrays["edges"], arrays["taken_back"], moved, history.erased)
    history.consents = Consents.read(arrays)
    if "consents/need" in arrays:
        epoch, is_needed = arrays["consents/need"].tolist()
        history.judge_all(Need.CONSENT if is_needed else Need.NOTHING, epoch)
    veils = [_veil(arrays, number) for number in range(len(stored))]
    history.restore(stored, veils, joined)


def _veil(arrays: dict[str, npt.NDArray[Any]], number: int) -> Veil:
    span = arrays[f"{number}/span"].tolist()
    return Veil(
        arrays[f"{number}/voided"],
        arrays[f"{number}/moved"],
        (span[0], span[1]) if span else None,
    )
