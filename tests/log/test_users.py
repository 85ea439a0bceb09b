"""Who may sign in: what is stated of them, what is refused, and by which number a change of them is known."""

import pytest

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.control import Change, Control, Scope, TenantPut, read_changes, write_changes
from homeroom.log.users import UserPut, UserRemoved

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"


def user(name="ada", **fields):
    given = {"password": HASH, "tenant": "main", "scopes": (Scope.READ,)}
    return UserPut(name=name, **{**given, **fields})


def stated(*facts):
    control = Control()
    for number, fact in enumerate((TenantPut(name="main"), TenantPut(name="b"), *facts), 1):
        control.check(fact)
        change = Change(fact=fact, author="someone", at_ms=number * 1_000)
        control = control.folded(change, number)
    return control


def test_a_user_who_is_put_again_is_known_by_the_number_of_the_later_change():
    control = stated(user(), user(scopes=(Scope.READ, Scope.PERSONS), courses=("physics",)))
    ada = control.users["ada"]
    assert (ada.epoch, ada.changed_ms) == (4, 4_000)
    assert ada.scopes == {Scope.READ, Scope.PERSONS}
    assert ada.courses == ("physics",)


def test_a_user_who_is_removed_is_none_and_the_others_stay():
    assert set(stated(user(), user("bob"), UserRemoved(name="ada")).users) == {"bob"}


@pytest.mark.parametrize(
    ("fact", "why"),
    [
        (user(tenant="gone"), "no tenant 'gone'"),
        (user(scopes=()), "has no scopes"),
        (user(password="plain"), "never the password"),
        (user(password=HASH + "x" * limits.PASSWORD_HASH_CHARACTERS_MAX), "characters"),
        (user(name="a/b"), "the name of a user"),
        (user(tenant="b"), "is there for the tenant 'main'"),
        (UserRemoved(name="eve"), "no user 'eve'"),
        (user(courses=tuple(map(str, range(limits.KEY_PLACES_MAX + 1)))), "courses"),
    ],
)
def test_what_makes_no_sense_is_refused(fact, why):
    with pytest.raises(ControlError, match=why):
        stated(user()).check(fact)


def test_users_go_through_an_entry_as_they_are():
    changes = [Change(fact=one, author="x", at_ms=1) for one in (user(), UserRemoved(name="ada"))]
    assert read_changes(write_changes(changes)) == changes
