"""Definitions that a node keeps: what makes no sense together is refused while its author is there."""

import pytest

from homeroom.cohorts.kept import KeptDefinitions, check_change, kept_definitions
from homeroom.errors import ControlError, MappingError, QuestionError
from homeroom.log.control import (
    Change,
    Control,
    DefinitionDeleted,
    DefinitionKind,
    DefinitionPut,
    TenantPut,
    VerbsPut,
)


def put(name, written, kind=DefinitionKind.COHORT):
    return DefinitionPut(tenant="main", kind=kind, name=name, written=written)


def control(*facts):
    found = Control()
    for fact in (TenantPut(name="main"), *facts):
        check_change(found, fact)
        change = Change(fact=fact, author="someone", at_ms=1)
        found = found.folded(change, found.epoch + 1)
    return found


LIST = put("pilot", {"members": ["a" * 32]}, DefinitionKind.LIST)
CALENDAR = put("physics", {"start": "2026-09-01"}, DefinitionKind.CALENDAR)


def test_what_was_put_becomes_definitions_with_the_version_of_the_stream():
    rule = {"did": "any", "within": {"after": "start"}, "version": 7}
    kept = control(LIST, CALENDAR, put("early", rule), put("early", rule))
    found = kept_definitions(kept, "main")
    assert [(one.name, one.version) for one in found.cohorts] == [("early", 2)]
    assert found.lists == {"pilot": ("a" * 32,)}
    assert [one.course for one in found.calendars] == ["physics"]


def test_definitions_are_made_anew_when_something_was_stated_and_for_each_tenant():
    known, first = KeptDefinitions(), control(LIST)
    found = known.of(first, "main")
    assert found == kept_definitions(first, "main")
    assert known.of(first, "main") is found
    assert known.of(first, "other") == kept_definitions(first, "other")
    second = control(LIST, put("early", {"did": "any"}))
    assert [one.name for one in known.of(second, "main").cohorts] == ["early"]
    assert known.of(first, "main") == found


def test_a_cohort_that_names_what_is_not_there_is_refused():
    with pytest.raises(QuestionError, match="names the cohort 'late', which is not there"):
        control(put("early", {"cohort": "late"}))


def test_a_cohort_that_another_needs_cannot_be_deleted():
    kept = control(put("early", {"did": "any"}), put("quiet", {"not": {"cohort": "early"}}))
    gone = DefinitionDeleted(tenant="main", kind=DefinitionKind.COHORT, name="early")
    with pytest.raises(QuestionError, match=r"cohort\.quiet names the cohort 'early'"):
        check_change(kept, gone)


def test_a_circle_by_way_of_a_new_version_is_refused():
    kept = control(put("one", {"did": "any"}), put("two", {"cohort": "one"}))
    with pytest.raises(QuestionError, match="holds itself"):
        check_change(kept, put("one", {"cohort": "two"}))


def test_a_verb_table_or_a_zone_that_is_none_is_refused():
    kept = control()
    with pytest.raises(MappingError, match="verbs"):
        check_change(kept, VerbsPut(tenant="main", toml="[nonsense]\nx = 1"))
    with pytest.raises(QuestionError, match="no IANA time zone"):
        check_change(kept, TenantPut(name="main", timezone="Europe/Atlantis"))


def test_what_the_control_itself_refuses_is_refused():
    with pytest.raises(ControlError, match="no tenant 'other'"):
        check_change(control(), DefinitionPut(tenant="other", kind="cohort", name="x", written={}))
