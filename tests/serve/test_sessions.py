"""Sessions: an id is known by its hash, and ends with time, with its user, and when there are too many."""

from homeroom import limits
from homeroom.log.control import Change, Control, Scope, TenantPut
from homeroom.log.users import UserPut, UserRemoved
from homeroom.serve.access import Caller
from homeroom.serve.sessions import Sessions, cookies_of

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"
IDLE_MS, LIFE_MS = 1_000, 5_000


class Stated:
    def __init__(self):
        self.control = Control()
        self.add(TenantPut(name="main"))

    def add(self, fact):
        change = Change(fact=fact, author="test", at_ms=1)
        self.control = self.control.folded(change, self.control.epoch + 1)

    def user(self, *scopes):
        scopes = scopes or (Scope.READ,)
        self.add(UserPut(name="ada", password=HASH, tenant="main", scopes=scopes))
        return self.control.users["ada"]


def begun():
    stated = Stated()
    sessions = Sessions(lambda: stated.control, IDLE_MS, LIFE_MS)
    return stated, sessions, sessions.begin(stated.user(), 0)


def test_an_id_is_known_and_stands_nowhere():
    _, sessions, given = begun()
    session = sessions.of(given, 1)
    assert (session.called, session.caller.scopes) == ("ada", {Scope.READ})
    assert given not in repr(sessions.held)
    assert given.encode() not in sessions.held
    assert sessions.of(given + "x", 1) is None
    assert sessions.of("x" * 1_000_000, 1) is None
    assert sessions.of("", 1) is None


def test_a_session_ends_when_it_is_idle_and_after_its_whole_life():
    _, sessions, given = begun()
    for at_ms in range(0, LIFE_MS, IDLE_MS - 1):
        assert sessions.of(given, at_ms)
    assert sessions.of(given, LIFE_MS) is None
    _, sessions, given = begun()
    assert sessions.of(given, IDLE_MS) is None
    assert not sessions.held


def test_a_session_ends_when_anything_of_its_user_is_stated():
    stated, sessions, given = begun()
    stated.add(TenantPut(name="other"))
    assert sessions.of(given, 1)
    stated.user(Scope.READ, Scope.PERSONS)
    assert sessions.of(given, 2) is None
    again = sessions.begin(stated.control.users["ada"], 3)
    assert sessions.of(again, 3).caller.scopes == {Scope.READ, Scope.PERSONS}
    stated.add(UserRemoved(name="ada"))
    assert sessions.of(again, 4) is None


def test_a_session_ends_when_its_user_signs_out():
    _, sessions, given = begun()
    sessions.end(given)
    sessions.end(given)
    assert sessions.of(given, 1) is None


def test_of_too_many_the_one_that_was_idle_longest_ends(monkeypatch):
    monkeypatch.setattr(limits, "SESSIONS_MAX", 2)
    stated, sessions, first = begun()
    second = sessions.begin(stated.control.users["ada"], 1)
    sessions.of(first, 2)
    third = sessions.begin(stated.control.users["ada"], 3)
    assert sessions.of(second, 3) is None
    assert sessions.of(first, 3)
    assert sessions.of(third, 3)


def test_whom_a_provider_knows_is_signed_in_as_long_as_the_tenant_is_there():
    stated, sessions, _ = begun()
    caller = Caller(name="oidc-1", tenant="gone", owner="oidc-1", scopes=frozenset({Scope.READ}))
    given = sessions.begin_of_provider(caller, "Ada", 0)
    assert sessions.of(given, 1) is None
    stated.add(TenantPut(name="gone"))
    assert sessions.of(sessions.begin_of_provider(caller, "Ada", 0), 1).called == "Ada"


def test_cookies_are_read_the_first_of_each_name():
    assert cookies_of('a=1; b="2"; a=3; =; c') == {"a": "1", "b": "2", "": ""}
    assert cookies_of(None) == {}
