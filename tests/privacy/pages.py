"""Pages of a database as they lie in its file and its journal, those included that nothing leads to any more.

SQLite reads what is there. What was deleted may still lie in a free page, and what a page held before in the journal
(https://www.sqlite.org/fileformat2.html, 1.5 to 1.6 and 4). A value that is longer than a page goes on in others; it is
put together here, or a compressed one could not be unpacked.
"""

from collections.abc import Iterator

__all__ = ["SQLITE", "cells"]

SQLITE = b"SQLite format 3\0"
_LEAF = 0x0D
_CHAIN_MAX = 1 << 14


def cells(content: bytes, journal: bytes) -> Iterator[bytes]:
    """Give the content of every cell of a leaf, and of every chain of pages, in all pages that ever lay there."""
    size = int.from_bytes(content[16:18], "big")
    size = 65_536 if size == 1 else size
    usable = size - content[20]
    pages = {n + 1: content[n * size : (n + 1) * size] for n in range(len(content) // size)}
    images = list(pages.items())
    if len(journal) > 32:
        for at in range(32, len(journal) - 24 - size + 1, 24 + size):
            number = int.from_bytes(journal[at : at + 4], "big")
            page = journal[at + 24 : at + 24 + size]
            pages[number] = page
            images.append((number, page))
    for number, page in images:
        yield from _of_leaf(page, 100 if number == 1 else 0, usable, pages)
        yield _chain(page, usable, pages)


def _of_leaf(page: bytes, start: int, usable: int, pages: dict[int, bytes]) -> Iterator[bytes]:
    if page[start] != _LEAF:
        return
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    for place in range(start + 8, min(start + 8 + 2 * count, usable - 1), 2):
        at = int.from_bytes(page[place : place + 2], "big")
        length, at = _varint(page, at)
        _, at = _varint(page, at)
        local = _local(length, usable)
        held = page[at : at + local]
        if local < length:
            follows = int.from_bytes(page[at + local : at + local + 4], "big")
            held += _chain(pages.get(follows, b""), usable, pages)[: length - local]
        yield held


def _local(length: int, usable: int) -> int:
    """Return how much of a value lies in its leaf."""
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    if length <= most:
        return length
    surplus = least + (length - least) % (usable - 4)
    return surplus if surplus <= most else least


def _chain(page: bytes, usable: int, pages: dict[int, bytes]) -> bytes:
    """Return what a chain of pages holds, beginning with one."""
    found = bytearray()
    for _ in range(_CHAIN_MAX):
        found += page[4:usable]
        follows = int.from_bytes(page[:4], "big")
        if not follows or follows not in pages or pages[follows] is page:
            break
        page = pages[follows]
    return bytes(found)


def _varint(page: bytes, at: int) -> tuple[int, int]:
    value = 0
    for number in range(9):
        byte = page[at] if at < len(page) else 0
        at += 1
        if number == 8:
            return value << 8 | byte, at
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return value, at
