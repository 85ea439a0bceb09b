"""Persons are cut out of a statement, and put back.

In the place of an agent stands a number: that of its form in the statement's list of people. In the place of a group
stands a group whose members are numbers, and that has a number itself under the name ``~`` where it is identified;
what an unidentified group is called stays with the statement. No statement can hold such things by itself: it was
checked, and neither a number nor that name is allowed there.
"""

from collections.abc import Callable
from typing import Any, Final

from homeroom.records.contents import places_of_people
from homeroom.records.people import Json, is_anonymous

__all__ = ["ERASED", "cut_people", "put_back"]

ERASED: Final = {
    "objectType": "Agent",
    "account": {"homePage": "urn:homeroom:erased", "name": "erased"},
}
"""What stands in the place of a person whose key was destroyed."""
_NUMBER: Final = "~"


def cut_people(statement: Json, number_of: Callable[[Json], int]) -> None:
    """Put numbers in the places of persons; the statement is changed.

    Parameters
    ----------
    statement : in its stored form
    number_of : returns the number of a person: an agent, or a group without its members
    """
    for holder, name in list(places_of_people(statement)):
        holder[name] = _cut(holder[name], number_of)


def _cut(person: Json, number_of: Callable[[Json], int]) -> Any:  # noqa: ANN401 - a number or a group
    if person.get("objectType") != "Group":
        return number_of(person)
    own = {name: value for name, value in person.items() if name != "member"}
    found: Json = own if is_anonymous(person) else {"objectType": "Group", _NUMBER: number_of(own)}
    if "member" in person:
        found = {**found, "member": [number_of(member) for member in person["member"]]}
    return found


def put_back(body: Json, person_of: Callable[[int], Json | None]) -> Json:
    """Put persons back in the places of their numbers; the body is changed, and returned.

    Parameters
    ----------
    body : as `cut_people` left it
    person_of : returns the person of a number, None if their key was destroyed
    """
    for holder, name in list(places_of_people(body)):
        holder[name] = _restored(holder[name], person_of)
    return body


def _restored(cut: Any, person_of: Callable[[int], Json | None]) -> Json:  # noqa: ANN401 - a number or a group
    if isinstance(cut, int):
        found = person_of(cut)
        return dict(ERASED) if found is None else found
    group = {name: value for name, value in cut.items() if name not in (_NUMBER, "member")}
    if _NUMBER in cut:
        found = person_of(cut[_NUMBER])
        group = {**ERASED, "objectType": "Group"} if found is None else dict(found)
    if "member" in cut:
        group["member"] = [_restored(member, person_of) for member in cut["member"]]
    return group
