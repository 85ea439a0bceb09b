"""Finds what a built page would fetch from another host: scripts, styles, pictures, fonts. Links are not fetched."""

import re
from collections.abc import Iterator
from pathlib import Path

FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|audio|video|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'>\s]+"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|preconnect|icon|modulepreload))"""
    r"""[^>]*\bhref=["']?(?:https?:)?//[^"'>\s]+"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//\S+|url\(\s*["']?(?:https?:)?//[^)]+""",
    re.IGNORECASE,
)


def fetched_from_elsewhere(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield (file, what a browser would fetch) of the built pages, styles and drawings."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".html", ".css", ".svg"}:
            for found in FETCHED.finditer(path.read_text(encoding="utf-8")):
                yield path.relative_to(folder), found.group()
