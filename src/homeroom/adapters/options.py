"""How inputs are read, as a person chose it; `homeroom.adapters.inputs` and the codecs it picks go by it."""

from dataclasses import dataclass
from typing import BinaryIO

from homeroom.events.mapping import TableMapping
from homeroom.events.vocabulary import VerbTable

__all__ = ["ReadOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read.

    Parameters
    ----------
    codec : a name of ``sniff.CODECS``: read everything as this, whatever it looks like
    mapping : how tables are read; None means by the model's own column names, or by a ready mapping that fits
    verbs : the table of verbs, None for the standard one
    stdin : what ``-`` stands for; None for the standard input of the process
    """

    codec: str | None = None
    mapping: TableMapping | None = None
    verbs: VerbTable | None = None
    stdin: BinaryIO | None = None
