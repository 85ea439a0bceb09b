"""Stories of several nodes: what each of them wrote, entry by entry, having heard some of what the others did."""

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from homeroom.adapters.vault.applying import Vault
from homeroom.adapters.vault.fingerprint import fingerprint_of
from homeroom.adapters.vault.operations import (
    Change,
    KeyDestroyed,
    Stamped,
    StatementKept,
    decode,
    encode,
)
from homeroom.adapters.vault.preparing import Prepared, Preparer
from homeroom.adapters.vault.reading import VaultReader
from homeroom.adapters.vault.reads import Reads
from homeroom.adapters.vault.redacting import redacted_change
from homeroom.adapters.vault.sealing import Seals
from homeroom.adapters.vault.terms import PLACE_BITS, agent_term
from homeroom.records.documents import Action, Address, Conditions, Document, Kind
from homeroom.records.store import DocumentChange, Sent
from homeroom.records.versions import Version
from tests.serve.xapi.store import KEYS, START_MS, WRITE, agent, caller, new_id, statement

WHO = caller(WRITE)
VOIDED = {"id": "http://adlnet.gov/expapi/verbs/voided"}
SEALS = Seals(KEYS)


class Written(NamedTuple):
    """An entry: which node wrote it, its number there, what is in it."""

    node: int
    number: int
    stamped: Stamped

    def redacted(self, gone: frozenset[bytes]) -> "Written":
        left = [
            decode(redacted_change(encode(change), {"main": gone}))
            for change in self.stamped.changes
        ]
        return self._replace(stamped=self.stamped._replace(changes=left))


def pseudonym(person) -> bytes:
    return SEALS.pseudonym("mailto", person["mbox"][7:])


def destruction(subject: bytes) -> Stamped:
    return Stamped(0, b"", [Change("main", [KeyDestroyed(subject, agent_term(SEALS, subject))])])


def put(name, content, person) -> DocumentChange:
    address = Address(kind=Kind.AGENT_PROFILE, agent=person, document_id=name)
    document = None if content is None else Document(content, "text/plain", 0)
    action = Action.DELETE if content is None else Action.POST
    return DocumentChange(address, action, Conditions(), document, Version.ONE)


@dataclass
class Node:
    """A vault and all that writes to it and looks at it."""

    path: object
    through_ms: int = 1 << 62
    vault: Vault = field(init=False)
    hybrid: int = 0

    def __post_init__(self):
        self.path.mkdir(exist_ok=True)
        self.vault = Vault(self.path / "documents.db")
        self.reader = VaultReader(self.vault.path)
        self.preparer = Preparer(self.reader, lambda _: KEYS)
        self.reads = Reads(self.vault.path, lambda _: KEYS, lambda: self.through_ms)

    def accept(self, *statements, now_ms=START_MS, data=None):
        sent = Sent(list(statements), data or {}, Version.TWO)
        found = self.preparer.accept(sent, WHO, now_ms)
        return found if isinstance(found, Prepared) else None

    def change(self, change, now_ms=START_MS):
        found = self.preparer.change(change, WHO, now_ms)
        return found if isinstance(found, Prepared) else None

    def apply(self, *stamped):
        self.vault.apply(stamped, "somewhere")

    @property
    def fingerprint(self):
        return fingerprint_of(self.reader)

    def places(self):
        rows = self.reader.rows("SELECT place, shift, id FROM statements ORDER BY place", ())
        return [tuple(row) for row in rows]

    def close(self):
        self.reads.close()
        self.reader.close()
        self.vault.close()


class Story:
    """Three nodes that write at random, hear of each other now and then, and each of which erases in its own time."""

    def __init__(self, folder, rng, steps=40):
        self.rng = rng
        self.nodes = [Node(folder / f"node {n}") for n in range(3)]
        self.people = [agent(f"person-{n}") for n in range(5)]
        self.ids = [new_id() for _ in range(8)]
        self.gone = frozenset(map(pseudonym, self.people[:2]))
        self.entries: list[list[Written]] = [[], [], []]
        self.heard = [[0, 0, 0] for _ in range(3)]
        for step in range(steps):
            self._step(step)
        for node in self.nodes:
            node.close()

    def _step(self, step):
        which = int(self.rng.integers(3))
        node = self.nodes[which]
        if self.rng.random() < 0.3:
            self._hear(which)
        if step > 15 and self.rng.random() < 0.1:
            node.apply(*map(destruction, sorted(self.gone)))
            node.preparer.forget()
        prepared = [one for one in (self._prepared(node) for _ in range(3)) if one is not None]
        if not prepared:
            return
        changes = [self._crowded(decode(one.encoded)) for one in prepared if one.encoded]
        node.hybrid = max(node.hybrid + 1, step // 3)
        stamped = Stamped(node.hybrid, self.rng.bytes(8), changes)
        self.entries[which].append(Written(which, len(self.entries[which]) + 1, stamped))
        node.apply(stamped)
        for one in prepared:
            node.preparer.applied(one)
        self.heard[which][which] = len(self.entries[which])

    def _hear(self, which):
        for other in range(3):
            first = self.heard[which][other]
            more = self.entries[other][first : first + int(self.rng.integers(4))]
            self.nodes[which].apply(*(one.stamped for one in more))
            self.heard[which][other] += len(more)

    def _crowded(self, change):
        """Give statements places of which there are few, as though all came in a moment."""
        return Change(
            change.tenant,
            [
                msgspec.structs.replace(
                    one, place=(START_MS << PLACE_BITS) + int(self.rng.integers(12))
                )
                if isinstance(one, StatementKept)
                else one
                for one in change.operations
            ],
        )

    def _prepared(self, node):
        rng = self.rng
        person = dict(self.people[int(rng.integers(5))], name="pqr"[int(rng.integers(3))])
        if rng.random() < 0.3:
            content = None if rng.random() < 0.3 else rng.bytes(3).hex().encode()
            return node.change(put("ab"[int(rng.integers(2))], content, person))
        one = statement(actor=person, result={"response": "xyz"[int(rng.integers(3))]})
        one["id"] = self._id() if rng.random() < 0.6 else new_id()
        kind = rng.random()
        if kind < 0.5:
            one["object"] = {"objectType": "StatementRef", "id": self._id()}
            if kind < 0.2:
                one["verb"] = VOIDED
        elif kind < 0.7:
            definition = {"name": {"en": "abc"[int(rng.integers(3))]}}
            one["object"] = {"id": "http://things.example/a", "definition": definition}
        elif kind < 0.8:
            one["object"] = self.people[int(rng.integers(5))]
        return node.accept(one)

    def _id(self):
        return self.ids[int(self.rng.integers(len(self.ids)))]

    def told(self, rng, folder):
        """Tell the story to a vault in some order, with repeats; who is erased is so at some moment."""
        node = Node(folder)
        queues = [list(one) for one in self.entries]
        erase_at = int(rng.integers(sum(map(len, queues)) + 1))
        count = 0
        is_redacted = rng.random() < 0.5
        told: list[Written] = []
        while any(queues):
            if count == erase_at:
                node.apply(*map(destruction, sorted(self.gone)))
            mine = queues[int(rng.choice([n for n, queue in enumerate(queues) if queue]))]
            one = mine.pop(0)
            if is_redacted and rng.random() < 0.5:
                one = one.redacted(self.gone)
            told.append(one)
            again = [told[int(rng.integers(len(told)))].stamped] if rng.random() < 0.3 else []
            node.apply(one.stamped, *again)
            count += 1
        node.apply(*map(destruction, sorted(self.gone)))
        return node
