"""What persons have said adds up to one thing, in whatever order and however often it comes.

The last test is of the way not taken: to settle two facts at a time and to keep the winner. It must be wrong, or the
others would prove nothing.
"""

import functools
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.errors import EntryError, InputError
from homeroom.log.consents import Consent, Says, checked_consents, consent_of
from homeroom.state.consents import Consents
from homeroom.state.keys import halves, whole

PURPOSES = ("", "analytics", "research")


def key_of(number: int) -> bytes:
    return (1 << 64 | number).to_bytes(16, "big")


@st.composite
def facts(draw: st.DrawFn) -> list[Consent]:
    """Draw facts about three people, each of which takes the place of some earlier ones, of others too."""
    made: list[Consent] = []
    for at in range(draw(st.integers(0, 9))):
        before = [one.identity for one in made if draw(st.booleans())]
        made.append(
            Consent(
                key_of(draw(st.integers(0, 2))),
                draw(st.sampled_from(PURPOSES)),
                draw(st.booleans()),
                at,
                tuple(sorted(before)),
            )
        )
    return made


def standing(consents: Consents) -> dict[tuple[str, int], set[int]]:
    found = {}
    for purpose, refuses in itertools.product(PURPOSES, (0, 1)):
        hi, lo = consents.standing((purpose,), refuses)
        found[purpose, refuses] = {
            whole(*key) for key in zip(hi.tolist(), lo.tolist(), strict=True)
        }
    return found


def plain(made: list[Consent]) -> dict[tuple[str, int], set[int]]:
    gone = {(one.key, old) for one in made for old in one.supersedes}
    found: dict[tuple[str, int], set[int]] = {
        pair: set() for pair in itertools.product(PURPOSES, (0, 1))
    }
    for one in made:
        if (one.key, one.identity) not in gone:
            found[one.purpose, int(one.refuses)].add(int.from_bytes(one.key, "big"))
    return found


def joined(parts: list[Consents]) -> Consents:
    return functools.reduce(Consents.joined, parts, Consents.none())


@given(facts(), st.randoms(use_true_random=False))
def test_facts_add_up_to_what_a_plain_set_of_them_says(made, random):
    whole_set = Consents.of(made)
    assert standing(whole_set) == plain(made)
    shuffled = random.sample(made, len(made)) + made[:3]
    ones = [Consents.of([one]) for one in shuffled]
    assert standing(joined(ones)) == standing(whole_set)
    assert joined(ones).fingerprint() == whole_set.fingerprint()


@given(facts(), facts(), facts())
def test_joining_is_commutative_associative_and_idempotent(one, two, three):
    a, b, c = map(Consents.of, (one, two, three))
    same = [
        a.joined(b).joined(c),
        a.joined(b.joined(c)),
        c.joined(a).joined(b),
        joined([a, b, c, a, b]),
    ]
    assert len({(each.fingerprint(), len(each), each.facts.tobytes()) for each in same}) == 1
    assert (a.joined(a).facts == a.facts).all()


@given(facts(), st.integers(0, 2))
def test_nothing_of_who_is_erased_is_left_and_the_others_stay(made, number):
    keys = halves([int.from_bytes(key_of(number), "big")])
    kept = [one for one in made if one.key != key_of(number)]
    left = Consents.of(made).without(keys)
    assert left.fingerprint() == Consents.of(kept).fingerprint()
    assert (
        Consents.of(made).about(keys).joined(left).fingerprint() == Consents.of(made).fingerprint()
    )


@given(facts())
def test_what_is_written_down_is_read_back(made):
    consents = Consents.of(made)
    again = Consents.read(consents.written())
    assert (again.purposes, again.fingerprint()) == (consents.purposes, consents.fingerprint())
    told = [(one.identity, one.stands) for one in again.told()]
    assert sorted(told) == sorted((one.identity, one.stands) for one in consents.told())
    assert Consents.read({}).fingerprint() == 0


def test_of_two_that_were_stated_without_each_other_the_most_restrictive_counts():
    key = int.from_bytes(key_of(0), "big")
    first = consent_of(key, ("analytics", Says.GIVEN), 1)
    here = consent_of(key, ("analytics", Says.REFUSED), 2, [first.identity])
    there = consent_of(key, ("analytics", Says.GIVEN), 3, [first.identity])
    both = Consents.of([first, here, there])
    assert standing(both)["analytics", 1] == {key}
    settled = consent_of(key, ("analytics", Says.GIVEN), 4, [here.identity, there.identity])
    assert standing(both.joined(Consents.of([settled])))["analytics", 1] == set()


def test_a_fact_about_somebody_else_takes_the_place_of_nothing():
    mine = Consent(key_of(0), "", True, 1)
    theirs = Consent(key_of(1), "", False, 2, (mine.identity,))
    assert standing(Consents.of([mine, theirs]))["", 1] == {int.from_bytes(key_of(0), "big")}


def test_too_many_are_refused(monkeypatch):
    monkeypatch.setattr(limits, "CONSENTS_MAX", 2)
    some = Consents.of([Consent(key_of(0), "", True, at) for at in range(2)])
    with pytest.raises(InputError, match="3 consents, more than 2"):
        some.joined(Consents.of([Consent(key_of(0), "", True, 2)]))


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (("analytics", Says.RESTRICTED), "restricted is not what is said of 'analytics'"),
        (("", Says.GIVEN), "given is not what is said of 'all purposes'"),
        (("Ada Lovelace", Says.GIVEN), "small letters"),
    ],
)
def test_words_that_do_not_go_together_are_refused(what, why):
    with pytest.raises(InputError, match=why):
        consent_of(1, what, 0)


@pytest.mark.parametrize(
    "consent",
    [
        Consent(b"short", "analytics", True, 1),
        Consent(key_of(0), "Ada Lovelace", True, 1),
        Consent(key_of(0), "analytics", True, 1 << 62),
        Consent(key_of(0), "analytics", True, 1, (b"short",)),
        Consent(key_of(0), "analytics", True, 1, (bytes(16),) * 1001),
    ],
)
def test_a_fact_of_a_peer_that_is_not_whole_is_refused(consent):
    with pytest.raises(EntryError, match="a consent of an entry"):
        checked_consents((consent,))


# --- the way not taken -----------------------------------------------------------------------------------------------


def pairwise(one: Consent, other: Consent) -> Consent:
    """Settle two facts about one person and purpose, and keep the winner."""
    if one.identity in other.supersedes:
        return other
    if other.identity in one.supersedes:
        return one
    return max(one, other, key=lambda each: (each.refuses, each.identity))


def test_consent_folded_pairwise_is_wrong():
    refused = Consent(key_of(0), "analytics", True, 1)
    given_again = Consent(key_of(0), "analytics", False, 2, (refused.identity,))
    given_later = Consent(key_of(0), "analytics", False, 3, (given_again.identity,))
    made = [refused, given_again, given_later]
    orders = list(itertools.permutations(made))
    by_pairs = {functools.reduce(pairwise, order).refuses for order in orders}
    assert by_pairs == {True, False}, "what comes of it depends on the order"
    by_sets = [joined([Consents.of([one]) for one in order]) for order in orders]
    assert {frozenset(one.standing(("analytics",), 1)[0].tolist()) for one in by_sets} == {
        frozenset()
    }
