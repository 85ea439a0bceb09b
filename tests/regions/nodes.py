"""Members that a test drives by hand: each effect is looked at, nothing is done that the test did not do."""

from homeroom.regions.knowledge import Birth
from homeroom.regions.member import Member
from homeroom.regions.messages import Item, News, Pull, decode, encode, sealed_entry
from homeroom.regions.steps import Alarm, Arrived, Fold, Keep, Kept, Members, Send, Tick
from tests.log.chains import verify

WALL_MS = 1_764_000_003_000
LIFE = "a" * 32
REGIONS = {"here": "one", "there": "two", "beside": "one", "far": "three"}


class Driven:
    """A member called ``here``, and what it did in the last step."""

    def __init__(self, heads=None, regions=REGIONS):
        birth = Birth(
            node="here", life=LIFE, heads=heads or {}, verify=verify, draw=lambda count: 0
        )
        self.now_ms = 50_000
        self.member = Member(birth, self.now_ms)
        self.effects = []
        self.step(Members(3, regions))

    def step(self, event, later_ms=0):
        self.now_ms += later_ms
        self.effects = self.member.step(event, self.now_ms)
        self.member.check_invariants()
        return self.effects

    def hear(self, sender, message, later_ms=0):
        return self.step(Arrived(sender, encode(message), WALL_MS), later_ms)

    def tick(self, later_ms=0, wall_ms=WALL_MS):
        return self.step(Tick(wall_ms), later_ms)

    def keep(self):
        """Make durable what the last step wanted to be kept."""
        (keep,) = self.of(Keep)
        self.step(Kept(WALL_MS))
        return keep.entries

    def of(self, kind):
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def sent(self, to=None):
        """Return the messages of the last step."""
        return [decode(e.body) for e in self.of(Send) if to in (None, e.to)]

    def asked(self):
        """Return whom the last step asked for which ranges."""
        read = [(effect.to, decode(effect.body)) for effect in self.of(Send)]
        return [(to, message.ranges) for to, message in read if isinstance(message, Pull)]

    def troubles(self):
        return [alarm.trouble for alarm in self.of(Alarm)]

    def folded(self):
        return {origin: number for fold in self.of(Fold) for origin, number in fold.numbers}


def news(entries=(), life="b" * 32, version=1, total=b"", items=(), **fields):
    """Return news that names entries of their origin, and carries them."""
    heads = {entry.origin: entry.head for entry in entries}
    named = [Item(origin, head.number, head.digest[:8]) for origin, head in heads.items()]
    return News(
        life=life,
        version=version,
        epoch=3,
        total=total,
        items=(*named, *items),
        entries=tuple(map(sealed_entry, entries)),
        **fields,
    )


def item(origin, number, digest=b"x" * 8):
    return Item(origin, number, digest[:8])
