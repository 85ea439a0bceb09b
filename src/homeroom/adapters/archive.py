"""An archive of files for a person: a ZIP that every system opens, with an index that says what is in it.

It is made in memory and handed over: nothing of it lies on a disk of the node afterwards, where it would be a copy that
no erasure knows of. All files in it have one time, that of the archive, so the same content gives the same bytes.
"""

import html
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["ArchiveFile", "archive_of"]

_INDEX = "index.html"
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
    "td,th{text-align:left;padding:.2em 1em .2em 0;vertical-align:top}"
)


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of an archive: its name, its content, and what it is, in a sentence."""

    name: str
    content: bytes
    about: str


def archive_of(files: Sequence[ArchiveFile], title: str, said: Sequence[str], at_ms: int) -> bytes:
    """Return a ZIP file (APPNOTE 6.3) of these files and an index.

    Parameters
    ----------
    files : each with a name of its own
    title, said : what stands at the head of the index: a line, and paragraphs
    at_ms : when it is made, milliseconds since 1970 UTC
    """
    at = datetime.fromtimestamp(at_ms / 1_000, UTC)
    stamp = (max(at.year, 1980), at.month, at.day, at.hour, at.minute, at.second)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        index = _index(files, title, said).encode()
        for name, content in ((_INDEX, index), *((one.name, one.content) for one in files)):
            info = zipfile.ZipInfo(name, stamp)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            archive.writestr(info, content)
    return sink.getvalue()


def _index(files: Sequence[ArchiveFile], title: str, said: Sequence[str]) -> str:
    rows = "\n".join(
        f'<tr><td><a href="{html.escape(one.name)}">{html.escape(one.name)}</a></td>'
        f"<td>{len(one.content):,} bytes</td><td>{html.escape(one.about)}</td></tr>"
        for one in files
    )
    paragraphs = "\n".join(f"<p>{html.escape(one)}</p>" for one in said)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n{paragraphs}\n"
        f"<table><tr><th>File</th><th>Size</th><th>What it is</th></tr>\n{rows}\n</table></body></html>\n"
    )
