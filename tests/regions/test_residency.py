"""Documents are told, sent, asked for, passed on and counted within their jurisdiction; elsewhere they do not exist."""

from dataclasses import replace

import pytest

from homeroom import limits
from homeroom.log.entries import Head, make_entry, redacted
from homeroom.log.origins import Origin, Stream
from homeroom.regions.leaving import closing
from homeroom.regions.messages import Answer, Compared, News, Pull, Range
from homeroom.regions.residency import heirs
from homeroom.regions.steps import (
    Alarm,
    Applied,
    AwaitApplied,
    AwaitHeld,
    Committed,
    Found,
    Held,
    Keep,
    Level,
    Look,
    Members,
    Printed,
    Trouble,
)
from tests.log.chains import chain, sign
from tests.regions.nodes import LIFE, REGIONS, WALL_MS, Driven, item, news

# Here, beside and there are under one law, far is under another.
LAWS = {"here": "eu", "beside": "eu", "there": "eu", "far": "br"}
MEMBERS = Members(3, REGIONS, jurisdictions=LAWS)
EVENTS = Origin("here", LIFE, Stream.ANALYTIC)
HERE = Origin("here", LIFE, Stream.DOCUMENT)
THERE = Origin("there", "c" * 32, Stream.DOCUMENT)
FAR = Origin("far", "d" * 32, Stream.DOCUMENT)


def driven(members=MEMBERS, heads=None):
    node = Driven(heads)
    node.step(members)
    return node


def held(entries):
    return {entry.origin: entry.head for entry in entries}


def origins_told(messages):
    return {
        one.origin for message in messages if isinstance(message, News) for one in message.items
    }


def test_documents_are_sent_and_told_to_their_jurisdiction_alone():
    node = driven()
    node.step(Committed((*chain(1, EVENTS), *chain(1, HERE)), WALL_MS))
    for peer in ("beside", "there"):
        assert origins_told(node.sent(peer)) == {EVENTS, HERE}
        assert [e.origin for m in node.sent(peer) for e in m.opened()] == [EVENTS, HERE]
    assert origins_told(node.sent("far")) == {EVENTS}
    assert [e.origin for m in node.sent("far") for e in m.opened()] == [EVENTS]


def test_where_nothing_but_documents_is_written_others_hear_nothing():
    node = driven()
    node.step(Committed(tuple(chain(1, HERE)), WALL_MS))
    assert not node.sent("far")


@pytest.mark.parametrize(("peer", "is_whole"), [("there", True), ("far", True)])
def test_who_may_not_know_of_documents_comes_to_the_sum_that_it_is_told(peer, is_whole):
    node = driven(heads=held([*chain(2, EVENTS), *chain(3, HERE), *chain(1, THERE)]))
    node.hear(peer, news(answer=Answer.ALL))
    (told,) = node.sent(peer)
    other = Driven()
    other.hear("there", replace_life(told))
    view = other.member.replication.views["there"]
    assert view.epoch == told.epoch
    assert (HERE in view.numbers) == (peer == "there")


def replace_life(told):
    return News(
        life="e" * 32,
        version=told.version,
        epoch=told.epoch,
        total=told.total,
        items=told.items,
        is_whole=told.is_whole,
    )


def test_documents_are_given_to_nobody_of_another_jurisdiction_who_asks():
    entries = chain(2, HERE)
    node = driven(heads=held(entries))
    node.hear("far", Pull("b" * 32, 1, (Range(HERE, 1),)))
    assert not node.of(Look)
    assert node.troubles() == [Trouble.RESIDENCY]
    assert origins_told(node.sent("far")) == set()
    node.hear("there", Pull("b" * 32, 1, (Range(HERE, 1),)))
    assert node.of(Look)
    node.step(Found("there", 1, tuple(entries), WALL_MS))
    assert node.sent("there")[0].opened() == entries


def test_what_was_looked_up_is_looked_at_again_before_it_goes_out():
    entries = chain(2, HERE)
    node = driven(heads=held(entries))
    node.hear("there", Pull("b" * 32, 1, (Range(HERE, 1),)))
    node.step(replace(MEMBERS, epoch=4, jurisdictions={**LAWS, "there": "br"}))
    node.step(Found("there", 1, tuple(entries), WALL_MS))
    assert node.sent("there")[0].opened() == []


@pytest.mark.parametrize(
    ("sender", "entry"),
    [
        ("far", chain(1, FAR)[0]),
        ("there", chain(1, FAR)[0]),
        ("far", chain(1, THERE)[0]),
        ("there", redacted(chain(1, THERE)[0], b"left", "far", sign)),
    ],
    ids=["written and sent there", "written there", "sent there", "redacted there"],
)
def test_a_document_that_crossed_a_border_is_refused_and_told(sender, entry):
    node = driven()
    node.hear(sender, News(life="b" * 32, version=1, epoch=3, total=b"", entries=sealed(entry)))
    assert not node.of(type(None))
    assert node.troubles() == [Trouble.RESIDENCY]
    assert entry.origin not in node.member.held
    assert "documents must not leave" in node.of(Alarm)[0].why


def sealed(entry):
    return news([entry]).entries


def test_who_tells_of_documents_elsewhere_is_not_asked_for_them():
    node = driven()
    node.hear("far", news(items=[item(FAR, 2)]))
    assert node.troubles() == [Trouble.RESIDENCY]
    node.tick(limits.PULL_PATIENCE_MS)
    assert not node.asked()


def test_documents_of_a_node_that_nobody_has_named_yet_are_asked_for_when_it_is():
    unnamed = {node: law for node, law in LAWS.items() if node != "there"}
    node = driven(replace(MEMBERS, jurisdictions=unnamed))
    node.hear("beside", news(items=[item(THERE, 2)]))
    node.tick(limits.PULL_PATIENCE_MS)
    assert not node.asked()
    assert not node.troubles()
    node.step(replace(MEMBERS, epoch=4))
    node.tick(limits.PULL_PATIENCE_MS)
    assert node.asked() == [("beside", (Range(THERE, 1),))]


def test_documents_of_a_node_that_has_left_are_still_passed_on():
    node = driven(replace(MEMBERS, regions={n: r for n, r in REGIONS.items() if n != "there"}))
    node.hear("beside", news(chain(1, THERE)))
    assert node.keep()[0].origin == THERE


def test_where_no_jurisdiction_is_stated_documents_stay_with_their_node():
    node = driven(Members(3, REGIONS))
    node.step(Committed((*chain(1, EVENTS), *chain(1, HERE)), WALL_MS))
    assert origins_told(node.sent()) == {EVENTS}


# --- acknowledgements ------------------------------------------------------------------------------------------------


def waiting(level, members=MEMBERS):
    node = driven(members)
    (entry,) = chain(1, HERE)
    node.step(Committed((entry,), WALL_MS, level))
    node.step(AwaitHeld(5, entry.token, level, node.now_ms + 1_000))
    return node


def test_all_who_may_have_a_document_are_all():
    node = waiting(Level.ALL)
    for peer in ("beside", "there"):
        assert not node.of(Held)
        node.hear(peer, news(items=[item(HERE, 1, chain(1, HERE)[0].digest)]))
    assert node.of(Held) == [Held(5, Level.ALL, is_late=False)]


def test_another_region_of_the_jurisdiction_is_remote():
    node = waiting(Level.REMOTE)
    node.hear("beside", news(items=[item(HERE, 1, chain(1, HERE)[0].digest)]))
    assert not node.of(Held)
    node.hear("there", news(items=[item(HERE, 1, chain(1, HERE)[0].digest)]))
    assert node.of(Held) == [Held(5, Level.ALL, is_late=False)]


def test_what_a_node_elsewhere_says_that_it_has_counts_for_nothing():
    node = waiting(Level.REMOTE)
    node.hear("far", news(items=[item(HERE, 1, chain(1, HERE)[0].digest)]))
    assert node.troubles() == [Trouble.RESIDENCY]
    assert not node.of(Held)


def test_a_read_after_a_document_that_can_never_come_here_goes_on_at_once():
    node = driven()
    node.step(AwaitApplied(6, chain(1, FAR)[0].token, node.now_ms + 1_000))
    assert node.effects == [Applied(6, is_late=True)]


def test_documents_do_not_wait_for_their_time():
    node = driven()
    node.step(Committed(tuple(late(HERE)), WALL_MS))
    assert node.folded() == {HERE: 1}
    node.step(Committed(tuple(late(EVENTS)), WALL_MS))
    assert node.folded() == {}


def late(origin):
    """Return an entry that is stamped a day ahead."""
    return [make_entry(origin, Head(), ((WALL_MS + 86_400_000) << 16, 3), b"late", sign)]


# --- what is sealed for another jurisdiction -------------------------------------------------------------------------

TO_FAR = Origin("here", LIFE, Stream.sealed_for("br"))
TO_HERE = Origin("far", "d" * 32, Stream.sealed_for("eu"))
TO_OTHERS = Origin("far", "d" * 32, Stream.sealed_for("us"))


def test_what_is_sealed_goes_to_its_home_and_to_those_beside_the_one_who_took_it():
    of_us = replace(MEMBERS, jurisdictions={**LAWS, "beside": "us"})
    node = driven(of_us)
    node.step(Committed(tuple(chain(1, TO_FAR)), WALL_MS))
    assert [e.origin for m in node.sent("far") for e in m.opened()] == [TO_FAR]
    assert [e.origin for m in node.sent("there") for e in m.opened()] == [TO_FAR]
    assert not node.sent("beside")


@pytest.mark.parametrize("sender", ["far", "there"])
def test_what_is_sealed_for_here_is_taken_from_who_took_it_and_from_who_has_it(sender):
    node = driven()
    (entry,) = chain(1, TO_HERE)
    node.hear(sender, News(life="b" * 32, version=1, epoch=3, total=b"", entries=sealed(entry)))
    assert not node.troubles()
    assert [one.origin for keep in node.of(Keep) for one in keep.entries] == [TO_HERE]


def test_of_what_is_written_together_each_gets_what_is_for_it():
    laws = replace(MEMBERS, jurisdictions={**LAWS, "beside": "us", "there": "za"})
    to_us = Origin("here", LIFE, Stream.sealed_for("us"))
    node = driven(laws)
    node.step(Committed((*chain(1, EVENTS), *chain(1, TO_FAR), *chain(1, to_us)), WALL_MS))
    for peer, wanted in (
        ("far", [EVENTS, TO_FAR]),
        ("beside", [EVENTS, to_us]),
        ("there", [EVENTS]),
    ):
        assert [e.origin for m in node.sent(peer) for e in m.opened()] == wanted
        assert origins_told(node.sent(peer)) == set(wanted)


def test_what_is_sealed_for_somebody_else_is_refused_and_told():
    node = driven()
    (entry,) = chain(1, TO_OTHERS)
    node.hear("far", News(life="b" * 32, version=1, epoch=3, total=b"", entries=sealed(entry)))
    assert node.troubles() == [Trouble.RESIDENCY]
    assert TO_OTHERS not in node.member.held


def test_both_jurisdictions_come_to_the_sum_that_they_tell_each_other():
    node = driven(heads=held([*chain(2, EVENTS), *chain(3, HERE), *chain(1, TO_FAR)]))
    node.hear("far", news(answer=Answer.ALL))
    (told,) = node.sent("far")
    assert {one.origin for one in told.items} == {EVENTS, TO_FAR}
    other = Driven()
    other.hear("there", replace_life(told))
    assert other.member.replication.views["there"].epoch == told.epoch


ALONE = replace(MEMBERS, jurisdictions={**LAWS, "there": "us"})


def test_where_a_jurisdiction_has_one_region_it_is_said_at_once_that_no_other_comes():
    assert waiting(Level.REMOTE, ALONE).of(Held) == [
        Held(5, Level.LOCAL, is_late=True, is_alone=True)
    ]


def test_who_waits_hears_it_when_the_last_other_region_leaves():
    node = waiting(Level.REMOTE)
    node.step(replace(MEMBERS, regions={n: r for n, r in REGIONS.items() if n != "there"}))
    assert node.of(Held) == [Held(5, Level.LOCAL, is_late=True, is_alone=True)]


# --- fingerprints ----------------------------------------------------------------------------------------------------


def printed(node):
    node.step(Printed(9, b"shared", "same", b"documents", "document ab"))
    return node


def test_the_fingerprint_of_documents_is_told_to_their_jurisdiction_alone():
    node = printed(driven())
    assert node.sent("there") == [Compared(9, b"shared", 3, "same", b"documents", "document ab")]
    assert node.sent("far") == [Compared(9, b"shared", 3, "same")]


def test_documents_that_differ_are_an_alarm():
    node = printed(driven())
    node.hear("there", Compared(9, b"shared", 3, "same", b"documents", "document cd"))
    assert node.troubles() == [Trouble.DIVERGED]
    node.hear("beside", Compared(9, b"shared", 3, "same", b"others", "document cd"))
    assert not node.troubles()
    assert node.member.agreement.document_comparisons == 1


# --- leaving ---------------------------------------------------------------------------------------------------------


def test_a_node_that_leaves_is_closed_without_a_number_of_documents():
    node = driven(heads=held([*chain(2, THERE)]))
    assert closing("there", MEMBERS, node.member.held, node.member.replication.views) == {}


def test_who_goes_on_having_the_documents_of_a_node_is_known_before_it_leaves():
    assert heirs(MEMBERS, "there") == ["beside", "here"]
    assert heirs(MEMBERS, "far") == []
    assert heirs(replace(MEMBERS, fenced=frozenset({"beside"})), "there") == ["here"]


def test_what_comes_in_news_of_an_earlier_life_crosses_no_border_either():
    node = driven()
    node.hear("far", news(life="1" * 32))
    node.hear("far", news(life="2" * 32))
    node.hear("far", news(chain(1, FAR), life="1" * 32, version=2))
    assert node.troubles() == [Trouble.RESIDENCY]
    assert not node.of(Keep)
