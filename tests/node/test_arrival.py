"""Entries of a node that writes what may not be written: folded as if it had not, and told."""

import numpy as np
import pytest

from homeroom.errors import ControlError
from homeroom.events.door import Door
from homeroom.events.ids import IdHasher
from homeroom.events.labels import Labels, labelled_dictionaries
from homeroom.events.projection import Projection
from homeroom.events.vocabulary import VerbTable
from homeroom.log.catalogue import Catalogue, IdKind, IdsRegistered, IdsWithdrawn
from homeroom.log.control import Change, Control, TenantPut
from homeroom.log.payloads import Part, open_parts, write_parts
from homeroom.node.folding import Folding, TenantState
from homeroom.state.state import State
from homeroom.state.zones import load_zone
from tests.node.test_folding import KEY, NOW_MS, Node, event

ALLOWED = {"country": "NO", "platform": "web"}


def tenant_of_hashes(name, control):
    zone = load_zone(control.tenants[name].timezone)
    labels = Labels(IdHasher.under(KEY))
    return TenantState(State(zone, labelled_dictionaries(bytes(32), labels)))


def folded(entries):
    folding = Folding({}, tenant_of_hashes)
    folding.fold(entries)
    folding.tenants["main"].state.settle()
    return folding


def sent(projection):
    """Return a node that took events by a door with this projection, or with none."""
    node = Node()
    node.doors.open("main", Door(KEY, VerbTable.standard(), projection=projection))
    for n in range(6):
        node.send(event(n, activity=f"https://x/{n % 3}", course="c", attributes=ALLOWED))
    return node


def test_an_entry_with_texts_is_folded_as_one_with_hashes_and_told():
    honest, other = sent(Projection(KEY)), sent(None)
    one, two = folded(honest.entries), folded(other.entries)
    first, second = (folding.tenants["main"].state for folding in (one, two))
    assert first.fingerprint() == second.fingerprint()
    assert first.dictionaries.activity.stored == second.dictionaries.activity.stored
    assert one.alarms == {}
    ((origin, alarm),) = two.alarms.items()
    # Six entries, each with a verb, an activity, a course and two values of attributes.
    assert (alarm.entries, alarm.texts, alarm.attributes) == (6, 30, 0)
    told = alarm.told(origin)
    assert "30 ids as texts" in told
    assert "x/1" not in told


def test_an_attribute_is_judged_by_the_list_of_the_epoch_that_its_entry_names():
    node = sent(None)
    node.state(IdsWithdrawn(tenant="main", kind=IdKind.ATTRIBUTE, names=("platform",)))
    node.send(event(7, attributes=ALLOWED))
    found = folded(node.entries)
    (alarm,) = found.alarms.values()
    assert alarm.attributes == 1
    state = found.tenants["main"].state
    assert set(state.dictionaries.attributes) == {"country", "platform"}
    rows = sum(
        int((part.codes["platform"][: part.rows] >= 0).sum())
        for part in state.learners.partitions
        if "platform" in part.codes
    )
    assert rows == 6, "the seventh learner's came when it was not allowed"


@pytest.mark.parametrize("text", ["", "~", "plain", "~" + "a" * 25, "~" + "A" * 26, "é" * 9])
def test_every_text_that_is_no_hash_is_counted(text):
    node = sent(None)
    part = node.doors._doors["main"]
    batch = part.admit(_decoded(text), "").batch
    written = write_parts(
        [Part("main", batch, np.empty(0, np.uint64))], {"main": part.dictionaries}
    )
    (read,) = open_parts(written)
    assert read.plain_texts == 1 + (text != ""), "the verb, and the activity if there is one"


def _hashes():
    return labelled_dictionaries(bytes(32), Labels(IdHasher.under(KEY)))


def _decoded(text):
    from homeroom.events.model import Decoded, RawEvents

    return Decoded(
        RawEvents(
            line=np.ones(1, np.int64),
            account=["a"],
            time=np.array([NOW_MS]),
            verb="v",
            activity=[text],
        )
    )


def test_a_catalogue_knows_what_it_said_at_every_epoch():
    control = Control()
    facts = [
        TenantPut(name="main"),
        IdsWithdrawn(tenant="main", kind=IdKind.ATTRIBUTE, names=("gender", "country")),
        IdsRegistered(tenant="main", kind=IdKind.ATTRIBUTE, names=("country",)),
        IdsRegistered(tenant="main", kind=IdKind.COURSE, names=("open *", "closed")),
    ]
    for number, fact in enumerate(facts, 1):
        control.check(fact)
        control = control.folded(Change(fact=fact, author="me", at_ms=0), number)
    catalogue = control.catalogue("main")
    known = [catalogue.allowed_at(epoch) for epoch in range(5)]
    assert ["gender" in one for one in known] == [True, True, False, False, False]
    assert ["country" in one for one in known] == [True, True, False, True, True]
    assert [catalogue.covers("course", text) for text in ("open 1", "open", "closed", "closed 2")] == [
        True, False, True, False,
    ]  # fmt: skip
    assert not catalogue.covers("activity", "closed")
    assert control.catalogue("nobody") == Catalogue()


@pytest.mark.parametrize(
    ("kind", "names", "why"),
    [
        (IdKind.ATTRIBUTE, ("team",), "none that an event may bring"),
        (IdKind.COURSE, (), "0 names"),
        (IdKind.ANSWER, ("x",) * 10_001, "10,001 names"),
        (IdKind.COURSE, ("*",), "more than"),
        (IdKind.COURSE, ("",), "printable"),
        (IdKind.COURSE, ("a\nb",), "printable"),
        (IdKind.COURSE, ("\ud800",), "printable"),
        (IdKind.COURSE, ("x" * 70_000,), "printable"),
    ],
)
def test_a_name_that_cannot_be_registered_is_refused(kind, names, why):
    control = Control().folded(Change(fact=TenantPut(name="main"), author="me", at_ms=0), 1)
    with pytest.raises(ControlError, match=why):
        control.check(IdsRegistered(tenant="main", kind=kind, names=names))
