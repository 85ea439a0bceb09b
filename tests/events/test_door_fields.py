"""The door and the later fields: standing, section, answer, places in a video; and the ids of what is voided."""

import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from homeroom.events import digests
from homeroom.events.door import Door
from homeroom.events.model import STANDINGS, EventBatch, Reason, Reject
from homeroom.events.vocabulary import VerbTable
from homeroom.limits import TEXT_BYTES_MAX
from tests.events.test_door import FULL, KEY, admit, events, identities
from tests.oracle.siphash import plain_siphash

LATER: dict[str, Any] = {
    "standing": ["passed"],
    "section": ["week 1"],
    "answer": ["blue"],
    "position_s": np.array([12.5]),
    "position_from_s": np.array([3.0]),
    "length_s": np.array([90.0]),
}
ABSENT: dict[str, Any] = {
    "standing": [None, "", "none"],
    "section": [None, "", None],
    "answer": ["", "", ""],
    "position_s": np.full(3, np.nan),
    "position_from_s": np.full(3, -np.nan),
    "length_s": np.full(3, np.nan),
}


def later(batch: EventBatch) -> dict[str, Any]:
    return {name: getattr(batch, name) for name in LATER}


def test_the_later_fields_pass() -> None:
    at = Door(KEY, VerbTable.standard())
    batch = admit(events(1, **FULL, **LATER), at).batch
    assert {name: column.tolist() for name, column in later(batch).items()} == {
        "standing": [STANDINGS.index("passed")],
        "section": [0],
        "answer": [0],
        "position_s": [12.5],
        "position_from_s": [3.0],
        "length_s": [90.0],
    }
    assert (at.dictionaries.section.values, at.dictionaries.answer.values) == (["week 1"], ["blue"])
    types = [column.dtype.name for column in later(batch).values()]
    assert types == ["uint8", "int32", "int32", "float64", "float64", "float64"]
    assert not any(column.flags.writeable for column in later(batch).values())


# --- identity ----------------------------------------------------------------------------------------------------


def plain_identity(raw: dict[str, Any], batch: EventBatch) -> tuple[int, int]:
    """Return the identity of one event that has a verb and the later fields of ``raw``, byte by byte."""

    def text(value: str) -> bytes:
        return struct.pack("<QQ", *plain_siphash(digests.TEXT_KEY, value.encode()))

    standing = 0 if batch.standing is None else int(batch.standing[0])
    flags = int(batch.track[0]) << 24 | standing << 20
    message = b""
    for bit, name in enumerate(
        ("section", "answer", "position_s", "position_from_s", "length_s"), 6
    ):
        if name in raw:
            flags |= 1 << bit
            (value,) = raw[name]
            message += text(value) if isinstance(value, str) else struct.pack("<d", value)
    head = struct.pack("<QQQq", flags, batch.key_hi[0], batch.key_lo[0], batch.time_ms[0])
    return plain_siphash(digests.row_key(KEY), head + text("played") + message)


@pytest.mark.parametrize(
    "names", [[], *([name] for name in LATER), ["section", "length_s"], list(LATER)], ids="-".join
)
def test_an_identity_is_what_the_layout_says(names: list[str]) -> None:
    raw = {name: LATER[name] for name in names}
    batch = admit(events(1, **raw)).batch
    assert identities(batch) == [plain_identity(raw, batch)]


@pytest.mark.parametrize("name", LATER)
def test_an_absent_value_is_the_same_as_a_column_that_is_not_there(name: str) -> None:
    plain = admit(events()).batch
    batch = admit(events(**{name: ABSENT[name]})).batch
    assert identities(batch) == identities(plain)
    assert later(batch) == dict.fromkeys(LATER), "no column where no event has a value"


@pytest.mark.parametrize("name", LATER)
def test_a_value_of_one_event_leaves_the_identities_of_others(name: str) -> None:
    column = [*LATER[name], *ABSENT[name][1:]]
    mixed = np.array(column) if name.endswith("_s") else column
    plain, batch = admit(events()).batch, admit(events(**{name: mixed})).batch
    assert identities(batch)[1:] == identities(plain)[1:]
    assert identities(batch)[0] != identities(plain)[0]


def test_identities_do_not_depend_on_the_codes_of_sections_and_answers() -> None:
    seasoned = Door(KEY, VerbTable.standard())
    names = [f"value {n}" for n in range(200)]
    admit(events(200, section=names, answer=names), seasoned)
    fresh = admit(events(1, **LATER), Door(KEY, VerbTable.standard())).batch
    assert identities(admit(events(1, **LATER), seasoned).batch) == identities(fresh)


# --- what is refused ---------------------------------------------------------------------------------------------

LONG = "x" * (TEXT_BYTES_MAX + 1)
REFUSED = [
    ({"standing": ["graduated"]}, Reason.WRONG_TYPE, f"standing is none of {', '.join(STANDINGS)}"),
    ({"section": [LONG]}, Reason.TEXT_TOO_LONG, "section is longer than 4096 bytes"),
    ({"answer": [LONG]}, Reason.TEXT_TOO_LONG, "answer is longer than 4096 bytes"),
    ({"answer": ["\ud800"]}, Reason.NOT_UTF8, "answer is not valid UTF-8"),
    ({"position_s": np.array([np.inf])}, Reason.SCORE_NOT_FINITE, "position_s is not finite"),
    ({"position_from_s": np.array([-np.inf])}, Reason.SCORE_NOT_FINITE, "position_from_s is not finite"),
    ({"length_s": np.array([np.inf])}, Reason.SCORE_NOT_FINITE, "length_s is not finite"),
    ({"position_s": np.array([-0.5])}, Reason.NUMBER_FORMAT, "position_s is negative"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "reason", "detail"), REFUSED)
def test_what_breaks_a_rule_is_refused(
    columns: dict[str, Any], reason: Reason, detail: str
) -> None:
    admitted = admit(events(1, **columns))
    assert len(admitted.batch) == 0
    assert admitted.rejects == [Reject("log.json", 1, reason, detail)]


def test_the_good_events_beside_a_refused_one_keep_their_fields() -> None:
    columns: dict[str, Any] = {
        "standing": ["passed", "passed", None],
        "section": pa.array(["a", "b", "c"]).dictionary_encode(),
        "answer": ["x", "y", "z"],
        "position_s": np.array([1.0, 2.0, 3.0]),
    }
    admitted = admit(events(account=["ada", "", "grace"], course=["c"] * 3, **columns))
    batch = admitted.batch
    assert [reject.line for reject in admitted.rejects] == [2]
    assert batch.position_s is not None
    assert batch.position_s.tolist() == [1.0, 3.0]
    assert [None if c is None else c.tolist() for c in (batch.standing, batch.section)] == [
        [STANDINGS.index("passed"), 0],
        [0, 2],
    ]
    whole = admit(events(account=["ada", "alan", "grace"], course=["c"] * 3, **columns)).batch
    assert identities(batch) == [identities(whole)[0], identities(whole)[2]]


def test_no_section_or_answer_that_holds_the_account_comes_in() -> None:
    at = Door(KEY, VerbTable.standard())
    raw = events(
        account=["jane.doe", "jane.doe", "joe"],
        section=["u/Jane.Doe", "week 1", None],
        answer=pa.array(["a", "jane.doe", "joe"]),
    )
    batch = admit(raw, at).batch
    assert (at.dictionaries.section.values, at.dictionaries.answer.values) == (["week 1"], ["a"])
    assert batch.section is not None
    assert batch.section.tolist() == [-1, 0, -1]


# --- standing ----------------------------------------------------------------------------------------------------

COMPLETED = "http://adlnet.gov/expapi/verbs/completed"


def standings(**columns: Any) -> list[str]:
    count = len(columns["verb"])
    batch = admit(events(count, **columns), Door(KEY, VerbTable.standard())).batch
    codes = np.zeros(count, np.uint8) if batch.standing is None else batch.standing
    return [STANDINGS[code] for code in codes]


def test_a_standing_that_is_not_given_is_that_of_the_verb() -> None:
    verbs = ["enrolled", "unenrolled", "viewed", "enrolled", "enrolled"]
    found = standings(verb=verbs, course=["c"] * 5, standing=[None, "", None, "passed", "none"])
    assert found == ["enrolled", "left", "none", "passed", "none"]
    assert standings(verb=verbs, course=["c"] * 5)[3:] == ["enrolled", "enrolled"]


def test_a_verb_that_says_too_little_speaks_of_a_standing_where_its_activity_is_the_course() -> (
    None
):
    found = standings(
        verb=[COMPLETED] * 5 + ["passed", "enrolled"],
        activity=["c 1", "c 2", "video", None, "c 1", "c 1", "video"],
        course=["c 1", "c 1", "c 1", "c 1", None, "c 1", "c 1"],
    )
    assert found == ["completed", "none", "none", "none", "none", "passed", "enrolled"]


def test_an_event_of_no_course_run_speaks_of_no_standing_unless_it_is_given_one() -> None:
    assert standings(verb=["enrolled"] * 2, standing=[None, "enrolled"]) == ["none", "enrolled"]


def test_a_batch_of_no_standing_has_no_column() -> None:
    for verb in ("viewed", COMPLETED):
        batch = admit(events(verb=verb, course=["c"] * 3), Door(KEY, VerbTable.standard())).batch
        assert batch.standing is None
    assert admit(events(0)).batch.standing is None


# --- voided ids --------------------------------------------------------------------------------------------------


def test_ids_are_hashed_as_those_of_events_are() -> None:
    at = Door(KEY, VerbTable.standard())
    ids = ["6fa459ea-ee8a-3ca4-894e-db77e160355e", "{6FA459EA-EE8A-3CA4-894E-DB77E160355E}", "a"]
    batch = admit(events(event_id=ids), at).batch
    assert at.id_hashes(ids).tolist() == batch.id_hash.tolist()
    assert at.id_hashes(ids)[0] == at.id_hashes(ids)[1]
    assert at.id_hashes(["", "b"])[0] == 0
    assert at.id_hashes([]).tolist() == []
