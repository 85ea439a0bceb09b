"""Entries and records for the tests of stores, without a log that makes them."""

import hashlib

from homeroom.log.entries import Head, make_entry
from homeroom.log.log import BatchRecord
from homeroom.log.origins import Origin, Stream

HERE = Origin("here", "0f" * 16, Stream.ANALYTIC)
DOCUMENTS = Origin("here", "0f" * 16, Stream.DOCUMENT)
THERE = Origin("there", "1f" * 16, Stream.ANALYTIC)


def sign(digest):
    return digest + digest


def verify(node, digest, signature):
    return signature == digest + digest


def chain(count, origin=HERE, after=None, size_bytes=20):
    """Return entries of one origin, after ``after``."""
    entries, head = [], after or Head()
    for _ in range(count):
        number = head.number + 1
        text = f"{origin} {number} ".encode()
        payload = (text * (size_bytes // len(text) + 1))[:size_bytes]
        entries.append(make_entry(origin, head, (1_000 + number, 3), payload, sign))
        head = entries[-1].head
    return entries


def record(name, entry=None, owner="key"):
    return BatchRecord(
        owner=owner,
        batch_id=name,
        digest=hashlib.sha256(name.encode()).digest(),
        answer=b'{"accepted": 3}',
        token=entry.token if entry is not None else None,
    )


def checked(entries, head=None):
    """Assert that entries follow each other from ``head`` on; return them."""
    head = head or Head()
    for entry in entries:
        entry.check(head, verify)
        head = entry.head
    return entries
