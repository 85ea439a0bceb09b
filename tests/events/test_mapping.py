"""Mapping files: what they say, what they may not say, and which table they fit."""

import datetime as dt
import re

import msgspec
import pytest

from homeroom.adapters.inputs import read_inputs
from homeroom.adapters.mappings import load_mapping, ready_mappings
from homeroom.adapters.options import ReadOptions
from homeroom.errors import MappingError
from homeroom.events.mapping import (
    ALIASES,
    KNOWN_ATTRIBUTES,
    EventSpec,
    FieldSpec,
    LookupSpec,
    MoodleSpec,
    TableMapping,
    TimeSpec,
    parse_mapping,
    spec_of_names,
)

SHORT = 'account = "Student"\ntime = "When"\n'


def test_the_short_form_is_one_table():
    mapping = parse_mapping(SHORT + 'course = "{Module}/{Run}"\nattributes = ["Land"]', "m.toml")
    (spec,) = mapping.events
    assert spec.account == FieldSpec("Student")
    assert spec.time == TimeSpec("When")
    assert spec.verb == FieldSpec(value="active")
    assert spec.attributes == {"Land": FieldSpec("Land")}
    assert spec.columns_used == ("Land", "Module", "Run", "Student", "When")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("account = ", "no TOML"),
        ("verb = 'x'\ntime = 't'\nacount = 'a'", "acount is no key here; did you mean account?"),
        (SHORT + "verb = {valu = 'x'}", r"events\[0\].verb: valu is no key here; did you mean value?"),
        (SHORT + "verb = 3", "verb must be a column name"),
        (SHORT + "verb = {}", "verb needs either a column or a value"),
        (SHORT + "verb = {column = 'a', value = 'b'}", "verb needs either a column or a value"),
        (SHORT + "course = '{}'", "names no column"),
        (SHORT + "track = {value = 'vidio'}", "track == 'vidio', must be one of other, video"),
        (SHORT + "standing = {value = 'pased'}", "standing == 'pased', must be one of none, enrolled"),
        (SHORT + "position_s = 3", "position_s must be a column name"),
        (SHORT + "lookups = ['x']", r"there is no \[lookup.x\]; there are: none"),
        (SHORT + "score_max = 0", "score_max == 0.0, must be greater than 0"),
        (SHORT + "attributes = 5", "attributes must be a list"),
        ("account = 'a'", "missing required field `time`"),
        ("events = 3", r"written \[\[events\]\]"),
        ("events = [3]", "must be a table"),
        ("account='a'\ntime={column='t', format='weeks'}", "format == 'weeks', must be one of auto"),
        ("account='a'\ntime={column='t', timezone='Mars'}", "'Mars' is no IANA name"),
        ("account='a'\ntime={column='t', format='days'}", "needs start"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_place_and_a_hint(text, said):
    with pytest.raises(MappingError, match=said) as raised:
        parse_mapping(text, "m.toml")
    assert str(raised.value).startswith("m.toml")


def test_a_mapping_may_say_what_a_moodle_export_does_not():
    moodle = parse_mapping("[moodle]\ntimezone = 'Europe/Berlin'", "m.toml").moodle
    assert moodle is not None
    assert (moodle.timezone, moodle.date_order) == ("Europe/Berlin", "day-first")
    with pytest.raises(MappingError, match="IANA"):
        parse_mapping("[moodle]\ntimezone = 'Mars'", "m.toml")
    with pytest.raises(MappingError, match="date_order"):
        parse_mapping("[moodle]\ndate_order = 'year-first'", "m.toml")


def test_a_spec_fits_by_file_name_and_by_columns():
    mapping = parse_mapping(SHORT + 'files = ["visits*.csv"]', "m.toml")
    assert mapping.specs_for("visits_2024.csv.gz", ["Student", "When", "More"])
    assert not mapping.specs_for("grades.csv", ["Student", "When"])
    assert not mapping.specs_for("visits.csv", ["Student"])


def test_the_models_own_names_need_no_mapping_whatever_their_spelling():
    spec = spec_of_names(
        ["User ID", "Timestamp", "event", "Page", "course-id", "Country", "salary"]
    )
    assert spec is not None
    assert spec.account.column == "User ID"
    assert spec.time.column == "Timestamp"
    assert spec.verb.column == "event"
    assert spec.activity == FieldSpec("Page")
    assert spec.course == FieldSpec("course-id")
    assert spec.attributes == {"country": FieldSpec("Country")}
    assert "salary" not in spec.columns_used


def test_the_models_name_wins_over_its_aliases():
    spec = spec_of_names(["user", "account", "created_at", "time"])
    assert spec is not None
    assert (spec.account.column, spec.time.column) == ("account", "time")


def test_without_account_or_time_a_table_is_not_events():
    assert spec_of_names(["account", "verb"]) is None
    assert spec_of_names(["time", "verb"]) is None


def test_the_ready_mappings_are_sound():
    assert [mapping.name for mapping in ready_mappings()] == ["oulad"]
    registered, unregistered, submitted, _ = load_mapping("oulad").events
    assert registered.time.starts["2013J"] == dt.date(2013, 10, 1)
    assert (registered.standing, unregistered.standing) == (
        FieldSpec(value="enrolled"),
        FieldSpec(value="left"),
    )
    assert submitted.standing is None


def test_a_mapping_that_is_not_there_is_said_with_those_that_are(tmp_path):
    with pytest.raises(MappingError, match="there are: oulad"):
        load_mapping(str(tmp_path / "none.toml"))
    path = tmp_path / "m.toml"
    path.write_text(SHORT)
    assert load_mapping(str(path)).events[0].account.column == "Student"


def toml_of(page: str) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", page, re.DOTALL)


def test_the_mappings_in_the_guide_do_what_it_says(root, tmp_path):
    page = (root / "docs" / "how-to" / "read-any-table.md").read_text()
    one, several = [parse_mapping(text, "guide") for text in toml_of(page)]
    assert len(several.events) == 3
    table = re.search(r"```\n(Matrikel.*?)```", page, re.DOTALL)
    assert table is not None
    path = tmp_path / "visits.csv"
    path.write_text(table[1])
    (_, decoded), *_ = read_inputs([path], ReadOptions(mapping=one))
    assert decoded.events.account.to_pylist() == ["4711"]
    assert decoded.events.course.to_pylist() == ["BIO/24S"]
    assert list(decoded.events.time) == [1_709_287_200_000]
    assert [(reject.line, reject.reason.value) for reject in decoded.rejects] == [
        (3, "number_format")
    ]


def test_the_reference_lists_every_alias_and_every_key(root):
    page = (root / "docs" / "reference" / "mapping.md").read_text()
    names = {alias for aliases in ALIASES.values() for alias in aliases} | set(KNOWN_ATTRIBUTES)
    for kind in (EventSpec, TimeSpec, LookupSpec, MoodleSpec, TableMapping):
        names |= {field.encode_name for field in msgspec.structs.fields(kind)}
    assert [name for name in sorted(names) if f"`{name}`" not in page and name != "events"] == []
