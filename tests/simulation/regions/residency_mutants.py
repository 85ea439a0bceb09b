"""Deliberate faults in what keeps documents where they belong, and erased learners away."""

from dataclasses import replace

from homeroom.simulation.regions.plan import make_plan
from tests.simulation.regions.mutation import Mutant


def calm(seed, storm_ms):
    """Return a world in which nothing goes wrong, and some events stay in their jurisdiction."""
    return replace(make_plan(seed, storm_ms), faults=(), joining={}, has_pinned=True)


FAULTS = (
    Mutant(
        "pinned events are for all",
        "residency",
        "        if stream.is_shared or writer in self.writers(node):\n",
        "        if not stream.has_documents or writer in self.writers(node):\n",
        seed=21,
    ),
    Mutant(
        "the fingerprint of pinned events goes to all",
        "member",
        "            expanded=event.expanded,\n        )\n",
        "            expanded=event.expanded,\n            pinned=event.pinned,\n        )\n",
        seed=21,
    ),
    Mutant(
        "a pinned event waits for nodes that may not have it",
        "residency",
        "    if origin.stream.is_shared:\n        return set(members.regions)\n",
        "    if not origin.stream.has_documents:\n        return set(members.regions)\n",
        seed=21,
        plan=calm,
    ),
    Mutant(
        "pinned events are folded with all others",
        "ledger",
        "        if entry.origin.stream is self._stream:\n",
        "        if entry.origin.stream.has_events:\n",
        seed=21,
    ),
    Mutant(
        "the door lets pinned events go everywhere",
        "door",
        "    return Stream.PINNED if is_pinned else Stream.ANALYTIC\n",
        "    return Stream.ANALYTIC\n",
        seed=21,
    ),
    Mutant(
        "what is sealed for one is told to all",
        "residency",
        "self._of.get(node) == stream.home",
        "bool(stream.home)",
        seed=39,
    ),
    Mutant(
        "what is sealed stays with who took it",
        "residency",
        "self._of.get(node) == stream.home",
        "False",
        seed=39,
    ),
    Mutant(
        "what is sealed for two is sent as one",
        "telling",
        "            origins = tuple(entry.origin for entry in shown)\n",
        "            origins = len(shown)\n",
        seed=39,
    ),
    Mutant(
        "a home is not waited for",
        "residency",
        'wanted = {of.get(writer, ""), origin.stream.home} - {""}',
        'wanted = {of.get(writer, "")}',
        seed=39,
    ),
    Mutant(
        "a sealed document is opened on the way",
        "papers",
        '        if home not in ("", self._here):\n            return\n',
        "        self._here = home or self._here\n",
        seed=39,
    ),
    Mutant(
        "what is sealed twice counts twice",
        "papers",
        "            found += [opened(key, passage, part, _decode_one) for part in passage.parts]\n",
        "            for part in passage.parts:\n"
        "                one = opened(key, passage, part, _decode_one)\n"
        '                found.append(Paper(f"{one.id} {entry.origin}", one.learner, one.text))\n',
        seed=39,
    ),
    Mutant(
        "what came home sealed is read as nothing",
        "papers",
        "_opened_papers(self._here, entry) if home else read_papers(entry)",
        "[] if home else read_papers(entry)",
        seed=39,
    ),
    Mutant(
        "the door keeps what belongs elsewhere",
        "door",
        "        return stream if home == self.here else Stream.sealed_for(home)\n",
        "        return stream\n",
        seed=39,
    ),
    Mutant(
        "what is sealed is not cleaned",
        "erasing",
        "        return names_any(entry, erased)\n",
        "        return not entry.origin.stream.home and names_any(entry, erased)\n",
        seed=219,
    ),
    Mutant(
        "what waits for its home is forgotten at a start",
        "beginning",
        "        entries += store.read(origin, folded.number + 1, head.number - folded.number)\n",
        "        if origin.stream.home:\n            del heads[origin]\n            continue\n"
        "        entries += store.read(origin, folded.number + 1, head.number - folded.number)\n",
        seed=99,
    ),
    Mutant(
        "documents are for all",
        "residency",
        '        return stream.home != "" and self._of.get(node) == stream.home\n',
        "        return True\n",
    ),
    Mutant(
        "documents are told to all",
        "telling",
        "            items = [one for one in items if self._known.residency.may_have(to, one.origin)]\n",
        "            pass\n",
    ),
    Mutant(
        "what is written together is sent together",
        "telling",
        "shown = self._known.residency.shown(node, entries)",
        "shown = entries",
    ),
    Mutant(
        "the sum that is told is of all documents",
        "holdings",
        "for written, s in self._documents.items() if may_have_of(*written))",
        "for written, s in self._documents.items())",
        seed=3,
    ),
    Mutant(
        "documents are not counted in the sum",
        "holdings",
        "documents = sum(s for written, s in self._documents.items() if may_have_of(*written))",
        "documents = 0",
        seed=117,
    ),
    Mutant(
        "a document waits for nodes that may not have it",
        "residency",
        "    if origin.stream.is_shared:\n        return set(members.regions)\n",
        "    return set(members.regions)\n",
    ),
    Mutant(
        "who has no other region waits for one",
        "waiting",
        "return asked.level is Level.REMOTE and is_alone(members, asked.token.origin)",
        "return False",
    ),
    Mutant(
        "the fingerprint of documents goes to all",
        "member",
        "Send(node, for_all if shares(node) else for_others)",
        "Send(node, for_all)",
    ),
    Mutant(
        "how many documents a store held is told to all",
        "log",
        "        if stream is Stream.DOCUMENT:\n            return held\n",
        "        return held\n",
        seed=6,
    ),
    Mutant(
        "a late event of somebody who is erased counts",
        "ledger",
        "            and self.erased.isdisjoint(reading.learners)\n",
        "",
        seed=4,
    ),
    Mutant(
        "an erasure forgets rows, and not what they came from",
        "ledger",
        "        self._known.difference_update(self._readings.events_of.get(learner, ()))\n",
        "",
        seed=1,
    ),
    Mutant(
        "a tombstone goes with the log that it was in",
        "ledger",
        "            self._fold(origin, number, self._readings.read(happenings))\n",
        "            left = [one for one in happenings if not one.erases]\n"
        "            self._fold(origin, number, self._readings.read(left))\n",
        seed=4,
    ),
    Mutant(
        "an erasure forgets events, and not what they came to before a cut",
        "ledger",
        "        self.bases.rows.pop(learner, None)\n",
        "",
        seed=165,
    ),
    Mutant(
        "documents are not cleaned",
        "erasing",
        "        return names_any(entry, erased)\n",
        "        return False\n",
        seed=45,
    ),
    Mutant(
        "what others send is written as it is",
        "erasing",
        "        erased = self._ledger.erased\n        if not erased:\n            return tuple(entries)\n",
        "        return tuple(entries)\n",
        seed=1,
    ),
    Mutant(
        "a void goes with whoever said it",
        "erasing",
        "        if event.learner not in erased or event.voids\n",
        "        if event.learner not in erased\n",
        seed=83,
    ),
    Mutant(
        "a restore forgets the register",
        "erasing",
        "        self._erasures.setdefault(erasure.erases, erasure)\n",
        "",
        seed=113,
    ),
)
