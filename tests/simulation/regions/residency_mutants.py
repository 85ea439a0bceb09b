"""Deliberate faults in what keeps documents where they belong, and erased learners away."""

from tests.simulation.regions.mutation import Mutant

FAULTS = (
    Mutant(
        "documents are for all",
        "residency",
        "return origin.stream is not Stream.DOCUMENT or origin.node in self.writers(node)",
        "return True",
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
        "for node, s in self._documents.items() if node in writers)",
        "for node, s in self._documents.items())",
        seed=3,
    ),
    Mutant(
        "documents are not counted in the sum",
        "holdings",
        "documents = sum(s for node, s in self._documents.items() if node in writers)",
        "documents = 0",
        seed=117,
    ),
    Mutant(
        "a document waits for nodes that may not have it",
        "residency",
        "    if origin.stream is not Stream.DOCUMENT:\n        return set(members.regions)\n",
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
        seed=119,
    ),
    Mutant(
        "documents are not cleaned",
        "erasing",
        "        return any(paper.learner in erased for paper in read_papers(entry))\n",
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
