"""Deliberate faults of the cores, one each: a simulation that could not fail would prove nothing."""

from homeroom.simulation.disk_store import DiskStore
from homeroom.simulation.regions.places import WORLD
from homeroom.simulation.regions.plan import Fault, Kind, Plan
from tests.simulation.regions.mutation import Mutant


def put_back_behind_a_cut(seed: int, storm_ms: int) -> Plan:
    """Return a world in which a node gets a copy of its disk back that lacks a life that was cut and has collapsed.

    No log forgets anything meanwhile: else the node would have to take a snapshot for another reason, and all is well.
    """
    nodes = {place.name: place for place in WORLD[:3]}
    home, dying, restored = nodes
    faults = (
        Fault(Kind.RESTORE, 1_000, storm_ms - 2_000, (restored,)),
        Fault(Kind.CUT_HISTORY, 2_500, 0, (home,), 2),
        Fault(Kind.KILL, 3_000, 300, (dying,)),
    )
    never_ms = (10 * storm_ms, 11 * storm_ms)
    return Plan(seed, nodes, {}, storm_ms, 200, faults, save_ms=never_ms)


class Unsynced(DiskStore):
    """A store that says yes before its disk has."""

    def _sync(self, name):
        pass


FAULTS = (
    Mutant(
        "a missing entry is passed over",
        "taking",
        "if following.number != tail.number + 1:",
        "if following.number <= tail.number:",
        seed=8,
    ),
    Mutant(
        "what has come is called held before it is written",
        "taking",
        "            self._arrived.append(following)\n",
        "            self._arrived.append(following)\n"
        "            self._known.holdings.advance(following.origin, following.head)\n",
    ),
    Mutant(
        "of what was written together the last alone is held",
        "taking",
        "        for entry in entries:\n            self._known",
        "        for entry in entries[-1:]:\n            self._known",
        seed=1,
    ),
    Mutant(
        "who asks for entries gets none",
        "telling",
        "return self._answer(to, pull, durable)",
        "return self._answer(to, pull, durable[:0])",
        seed=1,
    ),
    Mutant(
        "what others have is never asked for",
        "replication",
        "                if self.may_have(origin):\n"
        "                    self._pulling.missing(origin, number, now_ms)\n",
        "                pass\n",
        seed=8,
    ),
    Mutant(
        "only who wrote an entry is asked for it",
        "pulling",
        "return [peer for peer, numbers in views.items() if numbers.get(origin, 0) > tail]",
        "return [p for p, n in views.items() if n.get(origin, 0) > tail and p == origin.node]",
        seed=46,
    ),
    Mutant(
        "a pull without an answer is waited for for ever",
        "pulling",
        "if asked.until_ms <= now_ms]",
        "if asked.until_ms <= 0]",
        seed=49,
    ),
    Mutant(
        "one entry too late is asked for",
        "pulling",
        "chosen.append(Range(origin, tail + 1))",
        "chosen.append(Range(origin, tail + 2))",
        seed=8,
    ),
    Mutant(
        "news that was missed is not asked for again",
        "replication",
        "has_missed = view.take(news, now_ms)",
        "has_missed = bool(view.take(news, now_ms) and False)",
        storm_ms=12_500,
        seed=56,
    ),
    Mutant(
        "who asks for all is told what is new",
        "replication",
        "            self.views[sender].told = 0\n",
        "            pass\n",
        storm_ms=12_500,
        seed=60,
    ),
    Mutant(
        "only the latest change is told",
        "holdings",
        "return items[::-1]",
        "return items[:1]",
        seed=1,
    ),
    Mutant(
        "a number is promised one entry early",
        "waiting",
        "numbers.get(origin, 0) >= token.number",
        "numbers.get(origin, 0) >= token.number - 1",
    ),
    Mutant(
        "one other node is taken for all",
        "waiting",
        "if having >= others:",
        "if having:",
    ),
    Mutant(
        "a node of the same region is taken for another region",
        "waiting",
        "elsewhere = any(members.regions.get(other, here) != here for other in having)",
        "elsewhere = bool(having)",
        seed=2,
    ),
    Mutant(
        "who waits is never told that it is too late",
        "waiting",
        "            if held.until_ms <= now_ms:\n",
        "            if held.until_ms <= 0:\n",
        seed=152,
    ),
    Mutant(
        "entries of the future are folded at once",
        "gate",
        "while runs and hybrid_ms(runs[0].hybrid) <= until_ms:",
        "while runs:",
        seed=27,
    ),
    Mutant(
        "what is held back lets what follows pass",
        "gate",
        "self.open[origin] = moved[origin] = run.number",
        "self.open[origin] = moved[origin] = (runs[-1] if runs else run).number",
        storm_ms=16_000,
        seed=1,
    ),
    Mutant(
        "nobody waits at a mark",
        "gate",
        "return any(origin in check.origins for check in self._checks.values())",
        "return False",
        storm_ms=16_000,
        seed=19,
    ),
    Mutant(
        "a mark is waited for for ever",
        "gate",
        ">= limits.CHECK_WAIT_MS_MAX:",
        ">= limits.CHECK_SILENCE_MS_MAX:",
        storm_ms=16_000,
        seed=1,
    ),
    Mutant(
        "what was recovered is not folded",
        "member",
        "                effects = self._durable(event.entries, event.wall_ms, now_ms)\n            case Found",
        "                effects = []\n            case Found",
        seed=1,
    ),
    Mutant(
        "fingerprints are not told",
        "member",
        "return sent + self.agreement.mine(told, now_ms)",
        "return self.agreement.mine(told, now_ms)",
    ),
    Mutant(
        "a clock is judged by its mean",
        "hybrid",
        "statistics.median(ahead)",
        "statistics.mean(ahead)",
        seed=174,
    ),
    Mutant(
        "a node that starts believes its clock",
        "hybrid",
        "return now_ms - self._started_ms >= limits.CLOCK_START_MS_MAX",
        "return True",
        seed=124,
    ),
    Mutant("a buffer forgets what it has let go", "gaps", "        self._entries -= 1\n", ""),
    Mutant(
        "an acknowledgement comes before the write is done",
        "log",
        "        self._write, self._answered = Write(entries, kept), records\n        return [self._write]",
        "        self._write, self._answered = Write(entries, kept), ()\n"
        "        told = [(r, self._tickets.pop((r.owner, r.batch_id))[1][0]) for r in records]\n"
        "        done = [Reply(t, Accepted(r.answer, r.token, is_repeat=False)) for r, t in told]\n"
        "        return [*done, self._write]",
    ),
    Mutant(
        "a number is used again",
        "log",
        "            self.heads[entry.origin.stream] = entry.head\n",
        "            pass\n",
    ),
    Mutant(
        "an incarnation is used again",
        "log",
        "return Origin(self.life.node, self.life.incarnation, stream)",
        'return Origin(self.life.node, "0" * 32, stream)',
    ),
    Mutant(
        "a repeat is counted twice",
        "ledger",
        "        if event in self._known or event.learner in self.erased:\n            return\n",
        "        if event.learner in self.erased:\n            return\n",
        seed=1,
    ),
    Mutant(
        "of two that are tied the last to come wins",
        "rows",
        "if other.status > self.status:",
        "if other.status[1]:",
        seed=1,
    ),
    Mutant(
        "a void that comes late changes nothing",
        "ledger",
        "for learner in self._readings.learners_of.get(voided, ()):",
        "for learner in ():",
        seed=1,
    ),
    Mutant(
        "a life that the world has given up goes on",
        "member",
        "        if self._is_given_up():\n",
        "        if False:\n",
        storm_ms=2_000,
        seed=103,
    ),
    Mutant(
        "a word alone is taken for a fork",
        "replication",
        "                effects += taking.doubt(origin, sender)\n",
        "                effects += taking._forked(origin, sender)\n",
        seed=20,
    ),
    Mutant(
        "what waits in a gap is called held",
        "taking",
        "            self._gaps.add(entry)\n",
        "            self._gaps.add(entry)\n"
        "            self._known.holdings.advance(entry.origin, entry.head)\n",
        seed=1,
    ),
    Mutant(
        "an incarnation is a counter on the disk",
        "log",
        "return Origin(self.life.node, self.life.incarnation, stream)",
        'return Origin(self.life.node, f"{len(self.life.held):032x}", stream)',
    ),
    Mutant(
        "what is folded again is added to what was there",
        "ledger",
        "        self.rows, self._known, self.consents = self.bases.copies(), set(), {}\n",
        "        self._known, self.consents = set(), {}\n",
        seed=27,
    ),
    Mutant(
        "what was kept before a cut reads as zero",
        "ledger",
        "Bases(bases.day, dict(bases.rows))",
        "Bases(bases.day, {})",
        storm_ms=12_000,
        seed=148,
    ),
    Mutant(
        "what is said of consent is folded pairwise",
        "ledger",
        "        self.consents.setdefault(said.learner, set()).add(said)\n",
        "        (old,) = self.consents.get(said.learner) or (said,)\n"
        "        is_later = old.id in said.supersedes or (said.says, said.id) > (old.says, old.id)\n"
        "        if said is old or (is_later and said.id not in old.supersedes):\n"
        "            self.consents[said.learner] = {said}\n",
        seed=1,
    ),
    Mutant(
        "what no cut covers is in a base",
        "cutting",
        "if number <= vector.get(origin, 0)]",
        "if number]",
    ),
    Mutant(
        "a void that no cut covers takes an event out of a base",
        "cutting",
        "for reading in covered for one in reading.voided}",
        "for reading in readings_of.values() for one in reading.voided}",
        seed=3,
    ),
    Mutant(
        "a row that is folded again forgets its base",
        "ledger",
        "        if learner in self.bases.rows:\n",
        "        if False:\n",
        seed=3,
    ),
    Mutant(
        "what was before history begins comes back",
        "ledger",
        "        if self.bases.day:\n",
        "        if False:\n",
    ),
    Mutant(
        "a life begins with a snapshot that goes beyond what counts",
        "beginning",
        "    if goes_beyond(saved, members.closed):\n",
        "    if False:\n",
        storm_ms=12_000,
        seed=12,
    ),
    Mutant(
        "what is left of a life is never closed",
        "member",
        "        return closable(self.members, replication.holdings.heads, replication.views)\n",
        "        return {}\n",
        seed=20,
    ),
    Mutant(
        "what has collapsed is named for ever",
        "holdings",
        "if news.is_whole and news.version >= self._version:",
        "if False:",
        seed=52,
    ),
    Mutant(
        "what has collapsed is not asked for by who lacks it",
        "replication",
        "            if self._taking.tail(origin).number < number:\n",
        "            if False:\n",
        storm_ms=3_000,
        seed=46,
    ),
    Mutant(
        "what a cut covers is not asked for by who lacks it",
        "replication",
        "in {**self._known.covered, **wanted}.items():\n",
        "in wanted.items():\n",
        storm_ms=9_000,
        plan=put_back_behind_a_cut,
    ),
    Mutant(
        "a life goes on whose log has lost what it holds",
        "member",
        "        if found.lost is None:\n",
        "        if True:\n",
        seed=144,
    ),
    Mutant(
        "late messages of an old life are those of a second process",
        "holdings",
        "return is_present and self._spoke_ms - self._since_ms >= limits.LIFE_SILENT_MS",
        "return is_present and now_ms - self._since_ms >= limits.LIFE_SILENT_MS",
        storm_ms=1_000,
        seed=383,
    ),
    Mutant(
        "a life that was heard late is the present one for ever",
        "holdings",
        "if life not in self._past or now_ms - self._spoke_ms < limits.LIFE_SILENT_MS:",
        "if True:",
        seed=1,
    ),
    Mutant(
        "a log forgets what others do not hold",
        "collecting",
        "return min((number, *held))",
        "return number",
        seed=1,
    ),
    Mutant(
        "a log forgets what no snapshot has",
        "collecting",
        "return min((number, *held))",
        "return min((1 << 40, *held))",
        seed=40,
    ),
    Mutant(
        "who asks for what is forgotten hears nothing of it",
        "collecting",
        "return there, len(there) < len(ranges)",
        "return there, False",
        seed=46,
    ),
    Mutant(
        "what was ruled lets nothing pass",
        "gate",
        "run.hybrid, run.check = max(stamps), None",
        "pass",
        storm_ms=6_000,
        seed=108,
    ),
    Mutant(
        "what was ruled to be lost stays folded",
        "ledger",
        "        if lost == self._lost:\n            return\n",
        "        if lost == self._lost or lost:\n            return\n",
        storm_ms=6_000,
        seed=323,
    ),
    Mutant(
        "what the former home states counts",
        "stated",
        'if members.home in ("", said.origin.node):',
        "if members:",
        seed=2,
    ),
    Mutant(
        "a part of what was stated is taken for the whole",
        "stated",
        "return self._count >= self._known",
        "return True",
        storm_ms=20_000,
        seed=201,
    ),
    Mutant(
        "`remote` is answered on a gap",
        "waiting",
        "if numbers.get(origin, 0) >= token.number}",
        "if origin in numbers}",
    ),
    Mutant(
        "a counter in the state",
        "ledger",
        "            self._known.isdisjoint(reading.events)\n            and self",
        "            self",
    ),
    Mutant(
        "a tie is broken by the codes of a node",
        "ledger",
        "            mine.join(row)\n\n    def _void",
        "            before = mine.status\n"
        "            mine.join(row)\n"
        "            codes = self.__dict__.setdefault('codes', {})\n"
        "            code = lambda one: (one[0], codes.setdefault(one[1], len(codes)))\n"
        "            mine.status = max(before, row.status, key=code)\n\n    def _void",
        seed=1,
    ),
    Mutant(
        "a merge that was taken back holds",
        "ledger",
        "for edge in self.merged if edge.id not in self.voided)",
        "for edge in self.merged)",
        seed=13,
    ),
    Mutant(
        "who is erased is named for those whom they were merged with",
        "ledger",
        "min(groups.get(learner, {learner}) & self.rows.keys())",
        "min(groups.get(learner, {learner}))",
        seed=133,
    ),
    Mutant(
        "a merge goes with the log that it was in",
        "ledger",
        "            self._fold(origin, number, self._readings.read(happenings))\n",
        "            left = [one for one in happenings if not one.joins]\n"
        "            self._fold(origin, number, self._readings.read(left))\n",
        seed=13,
    ),
    Mutant(
        "an id with other content is answered as the batch that had it",
        "log",
        "        if before not in (None, offer.digest):\n",
        "        if False:\n",
        seed=1,
    ),
)
