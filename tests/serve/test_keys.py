"""Keys: drawn at random, kept as digests, and known again."""

import dataclasses

from homeroom.log.control import Change, Control, KeyCreated, KeyRevoked, Scope, TenantPut
from homeroom.serve.keys import draw_key, find_key


def control(drawn, *more, **fields):
    key = KeyCreated(
        prefix=drawn.prefix,
        name="loader",
        digest=drawn.digest,
        tenant="main",
        owner=drawn.prefix,
        scopes=(Scope.READ,),
        **fields,
    )
    found = Control()
    for fact in (TenantPut(name="main"), key, *more):
        found = found.folded(Change(fact=fact, author="x", at_ms=0), found.epoch + 1)
    return found


def test_a_key_has_its_form_and_no_two_are_the_same():
    drawn = [draw_key() for _ in range(50)]
    assert {len(one.text) for one in drawn} == {39}
    assert all(one.text.startswith("hr_" + one.prefix) and one.text[3:].isalnum() for one in drawn)
    assert len({one.text for one in drawn}) == len({one.prefix for one in drawn}) == 50


def test_a_key_is_not_shown_by_accident():
    drawn = draw_key()
    assert drawn.text not in repr(drawn)
    assert drawn.text not in repr(control(drawn))


def test_a_key_is_found_as_a_whole_and_only_then():
    drawn = draw_key()
    known = control(drawn)
    assert find_key(known, drawn.text, 0).name == "loader"
    flipped = drawn.text[:-1] + ("a" if drawn.text[-1] != "a" else "b")
    for text in (flipped, drawn.text[:-1], drawn.text + "a", drawn.prefix, "", "hr_", "\udcff"):
        assert find_key(known, text, 0) is None


def test_a_key_that_ended_is_none():
    drawn = draw_key()
    assert find_key(control(drawn, expires_ms=10), drawn.text, 9) is not None
    assert find_key(control(drawn, expires_ms=10), drawn.text, 10) is None
    revoked = control(drawn, KeyRevoked(prefix=drawn.prefix, at_ms=5))
    assert find_key(revoked, drawn.text, 4) is not None
    assert find_key(revoked, drawn.text, 5) is None


def test_what_is_kept_opens_nothing():
    drawn = draw_key()
    (kept,) = control(drawn).keys.values()
    assert drawn.text not in str(dataclasses.asdict(kept))
    assert find_key(control(drawn), kept.digest.hex(), 0) is None
