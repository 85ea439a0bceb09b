"""A few detectors, links between them, and what goes wrong, in plain Python: for stories of half a minute.

Time goes on by 20 ms. A message is on its way for as long as its link takes; who is paused gets what came when it wakes
up, and its tick first, which is the worst order for it.
"""

import random
from collections import defaultdict

from homeroom import limits
from homeroom.traffic.detection.detector import Detector
from homeroom.traffic.detection.health import Verdict
from homeroom.traffic.detection.steps import (
    HeartbeatCame,
    Judged,
    MembersChanged,
    Outcome,
    Probe,
    ProbeEnded,
    SendHeartbeat,
    Tick,
)

STEP_MS = 20


def regions_of(*sizes):
    """Return nodes by name with their regions: a1, a2, b1 for sizes 2 and 1."""
    letters = "abcdefgh"
    return {
        f"{letter}{number + 1}": letter
        for letter, size in zip(letters, sizes, strict=False)
        for number in range(size)
    }


class Lab:
    """Detectors of all nodes, begun together, with links of 40 ms."""

    def __init__(self, regions, detector=Detector, seed=1):
        self.regions, self.now_ms = dict(regions), 1_000_000
        self.chance = random.Random(seed)
        self.make = detector
        self.lives = dict.fromkeys(regions, 1)
        self.detectors = {}
        self.cut, self.dead, self.paused = set(), set(), set()
        self.behind_ms = defaultdict(int)  # of a clock, since it stood still
        self.loss, self.delay_ms = defaultdict(float), defaultdict(lambda: 40)
        self.answers = defaultdict(lambda: (Outcome.ANSWER, 80))
        self.sent, self.waiting = [], defaultdict(list)
        self.history = []  # (time since the beginning, judge, judged, verdict)
        self.effects = []
        for node in regions:
            self.start(node)

    def start(self, node):
        """Begin a life of a node."""
        detector = self.make(node, self.regions[node], f"{node}/{self.lives[node]}", self.now_ms)
        detector.step(MembersChanged(self.regions), self.now_ms)
        self.detectors[node] = detector
        self.waiting[node].clear()
        self.dead.discard(node)

    def restart(self, node):
        self.lives[node] += 1
        self.start(node)

    def kill(self, *nodes):
        self.dead.update(nodes)

    def nodes_of(self, *regions):
        return [node for node, region in self.regions.items() if region in regions]

    def part(self, ones, others):
        """Let nothing through from the first to the second."""
        self.cut.update((one, other) for one in ones for other in others if one != other)

    def run(self, ms):
        until_ms = self.now_ms + ms
        while self.now_ms < until_ms:
            self.now_ms += STEP_MS
            self._deliver()
            for node in self.detectors:
                if node not in self.dead and node not in self.paused:
                    local_ms = self.now_ms - self.behind_ms[node]
                    if self.now_ms % limits.DETECTOR_TICK_MS == 0:
                        self._do(node, self.detectors[node].step(Tick(), local_ms))
                    for event in self.waiting.pop(node, ()):
                        self._do(node, self.detectors[node].step(event, local_ms))

    def _deliver(self):
        due = [one for one in self.sent if one[0] <= self.now_ms]
        self.sent = [one for one in self.sent if one[0] > self.now_ms]
        for _, to, event in due:
            if to not in self.dead:
                self.waiting[to].append(event)

    def _do(self, node, effects):
        for effect in effects:
            self.effects.append((node, effect))
            match effect:
                case SendHeartbeat():
                    self.send(node, effect.to, effect.body)
                case Probe():
                    self._probe(node, effect)
                case Judged():
                    self.history.append((self.now_ms, node, effect.node, effect.health.verdict))
        self.detectors[node].check_invariants()

    def send(self, sender, to, body):
        if (sender, to) in self.cut or self.chance.random() < self.loss[sender, to]:
            return
        due_ms = self.now_ms + self.delay_ms[sender, to]
        self.sent.append((due_ms, to, HeartbeatCame(sender, body)))

    def _probe(self, node, asked):
        to = asked.node
        outcome, took_ms = self.answers[to]
        if took_ms > limits.PROBE_WAIT_MS:
            outcome, took_ms = Outcome.TIME_OUT, limits.PROBE_WAIT_MS
        cut = (node, to) in self.cut or (to, node) in self.cut
        if cut or to in self.dead or to in self.paused:
            outcome, took_ms = Outcome.TIME_OUT, limits.PROBE_WAIT_MS
        self.sent.append(
            (self.now_ms + took_ms, node, ProbeEnded(to, asked.asked_ms, outcome, took_ms))
        )

    def verdict(self, judge, of):
        return self.detectors[judge].health()[of].verdict

    def verdicts(self, of):
        """Return what each node that lives and is awake thinks of one."""
        return {
            node: self.verdict(node, of)
            for node in self.detectors
            if node != of and node not in self.dead and node not in self.paused
        }

    def confirmed(self):
        """Return who was ever confirmed to be gone."""
        return {of for _, _, of, verdict in self.history if verdict is Verdict.CONFIRMED}

    def first_ms(self, since_ms, of, verdict):
        """Return by node how long after a time it thought so badly of another one for the first time."""
        times = {}
        for at_ms, node, judged, thought in self.history:
            if judged == of and thought >= verdict and at_ms >= since_ms:
                times.setdefault(node, at_ms - since_ms)
        return times
