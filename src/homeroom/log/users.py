"""People who sign in to the pages, and what is stated of them.

A user is stated as a key is: a name, what it may do and see, and what is needed to know its password again, which is a
slow hash (`homeroom.adapters.passwords`) and gives nobody the password. It is stated, and not kept in a node's folder,
so that every region knows the same people, and none lets somebody in who was removed elsewhere.

A user who is put again has other terms from then on, and the number of the change says which: whoever is signed in
under an older one is not any more.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.checked import check_count, check_name
from homeroom.log.keys import Scope

__all__ = ["User", "UserFact", "UserPut", "UserRemoved", "check_user", "folded_user"]

_HASH = "$argon2id$"


class UserPut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="user"):
    """A person may sign in, or has another password or other scopes from now on.

    Parameters
    ----------
    name : what the person signs in with; no two users of a world share one
    password : hash of the password, as PHC string of Argon2id
    tenant : whose answers the person sees
    scopes : what the person may do, as of a key
    courses, organisations : if any are named, the person sees only these course runs, and learners of these
    """

    name: str
    password: str
    tenant: str
    scopes: tuple[Scope, ...]
    courses: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()


class UserRemoved(msgspec.Struct, frozen=True, kw_only=True, tag="user-removed"):
    """A person may not sign in any more."""

    name: str


UserFact: TypeAlias = UserPut | UserRemoved


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user as it is now; the fields are those of `UserPut`.

    ``epoch`` is the number of the change that made it so, ``changed_ms`` when that was.
    """

    name: str
    password: str
    tenant: str
    scopes: frozenset[Scope]
    courses: tuple[str, ...]
    organisations: tuple[str, ...]
    epoch: int
    changed_ms: int


def check_user(users: Mapping[str, User], tenants: Collection[str], fact: UserFact) -> None:
    """Raise `ControlError` for a fact about a user that makes no sense."""
    if isinstance(fact, UserRemoved):
        if fact.name not in users:
            raise ControlError(
                f"there is no user {fact.name!r}; homeroom users list shows those there are"
            )
        return
    check_name("user", fact.name)
    check_count("users", len({*users, fact.name}), limits.USERS_MAX)
    if fact.tenant not in tenants:
        raise ControlError(f"there is no tenant {fact.tenant!r}")
    before = users.get(fact.name)
    if before is not None and before.tenant != fact.tenant:
        raise ControlError(
            f"a user {fact.name!r} is there for the tenant {before.tenant!r}; choose another name"
        )
    if not fact.scopes:
        raise ControlError(f"user {fact.name!r} has no scopes; give some of {', '.join(Scope)}")
    named = len(fact.courses) + len(fact.organisations)
    check_count("courses and organisations of a user", named, limits.KEY_PLACES_MAX)
    check_count(
        "characters of a password's hash", len(fact.password), limits.PASSWORD_HASH_CHARACTERS_MAX
    )
    if not fact.password.startswith(_HASH):
        raise ControlError("the password of a user must be a hash of Argon2id, never the password")


def folded_user(
    users: Mapping[str, User], fact: UserFact, stated: tuple[int, int]
) -> Mapping[str, User]:
    """Return the users with one fact more; ``stated`` is its number and when it was."""
    if isinstance(fact, UserRemoved):
        return {name: user for name, user in users.items() if name != fact.name}
    epoch, at_ms = stated
    user = User(
        name=fact.name,
        password=fact.password,
        tenant=fact.tenant,
        scopes=frozenset(fact.scopes),
        courses=fact.courses,
        organisations=fact.organisations,
        epoch=epoch,
        changed_ms=at_ms,
    )
    return {**users, fact.name: user}
