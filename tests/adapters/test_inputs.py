"""Whatever is given to be read: events come out, or a reason why not, and the two add up."""

import bz2
import gzip
import io
import json
import lzma
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeroom.adapters.inputs import Input, read_inputs
from homeroom.adapters.mappings import load_mapping
from homeroom.adapters.options import ReadOptions
from homeroom.adapters.rejects import RejectsWriter
from homeroom.errors import HomeroomError, SourceError
from homeroom.events.mapping import parse_mapping
from homeroom.events.model import Reject
from homeroom.limits import LINE_BYTES_MAX

TIME = "2024-03-01T10:00:00Z"
CSV = f"account,time,verb\na,{TIME},viewed\nb,{TIME},played\n".encode()


def statement(n: int) -> dict[str, Any]:
    return {
        "id": f"{n:08d}-0000-4000-8000-000000000000",
        "actor": {"account": {"name": f"learner {n}", "homePage": "https://x.org"}},
        "verb": {"id": "https://x.org/verbs/did"},
        "object": {"id": "https://x.org/a"},
        "timestamp": TIME,
    }


def json_lines(objects: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(o).encode() + b"\n" for o in objects)


XAPI = json_lines(map(statement, range(5)))


@dataclass
class Read:
    """What came of reading, gathered; also an observer."""

    accounts: list[str | None] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    size_bytes: int | None = 0
    read_bytes: int = 0
    events: int = 0

    def begin(self, size_bytes: int | None) -> None:
        self.size_bytes = size_bytes

    def advance(self, read_bytes: int, events: int) -> None:
        assert read_bytes >= 0
        self.read_bytes += read_bytes
        self.events += events

    def note(self, text: str) -> None:
        self.notes.append(text)

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(reject.line, reject.reason.value) for reject in self.rejects]


def read(*inputs: Input, **options: Any) -> Read:
    found = Read()
    for source, decoded in read_inputs(inputs, ReadOptions(**options), found):
        account = decoded.events.account
        found.accounts += account.to_pylist() if isinstance(account, pa.Array) else list(account)
        found.rejects += decoded.rejects
        found.sources += [source]
    assert found.events == len(found.accounts)
    return found


def test_what_statements_take_back_comes_through_beside_rejects(tmp_path):
    takes_back = {**statement(8), "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}}
    takes_back["object"] = {"objectType": "StatementRef", "id": statement(3)["id"]}
    whole = json_lines([takes_back, statement(9)])
    array = b"[" + whole.strip().replace(b"\n", b",") + b"]"
    for name, text in (
        ("lines", whole),
        ("lines and a reject", whole + b"{}\n"),
        ("array", array),
        ("array that is cut off", array[:-1] + b',{"id'),
        ("packed and cut off", gzip.compress(array)[:-4]),
    ):
        (tmp_path / name).write_bytes(text)
        pieces = [decoded for _, decoded in read_inputs([tmp_path / name], ReadOptions(), Read())]
        assert [one for piece in pieces for one in piece.voided] == [statement(3)["id"]], name


# --- where from --------------------------------------------------------------------------------------------------


def test_paths_patterns_directories_and_standard_input(tmp_path):
    for name in ("b.csv", "a.csv", "deep/er/c.csv", ".hidden.csv", ".git/d.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CSV)
    assert read(tmp_path).sources == [
        str(tmp_path / name) for name in ("a.csv", "b.csv", "deep/er/c.csv")
    ]
    assert read(str(tmp_path / "*.csv")).accounts == ["a", "b"] * 2
    assert read(str(tmp_path / "**" / "*.csv")).accounts == ["a", "b"] * 3
    assert read("-", stdin=io.BytesIO(CSV)).sources == ["standard input"]
    assert read(tmp_path / "a.csv", tmp_path / "a.csv").accounts == ["a", "b"] * 2


def test_a_table_in_memory_is_an_input():
    found = read(pa.table({"account": [1, 2], "time": [TIME] * 2, "verb": ["x", "y"]}))
    assert (found.accounts, found.sources) == (["1", "2"], ["table 1"])
    assert read(pa.table({"colour": ["red"]})).reasons == [(0, "not_events")]


@pytest.mark.parametrize("name", ["none.csv", "*.none", "none/x.csv", "a.csv/x", "nul\0.csv"])
def test_what_was_named_and_is_not_there_is_an_error_before_anything_is_read(tmp_path, name):
    (tmp_path / "a.csv").write_bytes(CSV)
    with pytest.raises(SourceError):
        next(read_inputs([tmp_path / "a.csv", str(tmp_path / name)]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_error_if_named_and_a_reject_if_found(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    path.chmod(0)
    with pytest.raises(SourceError, match=r"a\.csv"):
        read(path)
    assert read(tmp_path).reasons == [(0, "unreadable")]


def test_a_file_name_that_is_not_utf8_can_be_read_and_written_down(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.csv"
    with open(path, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(CSV + b"x\n")
    found = read(tmp_path)
    assert found.accounts == ["a", "b"]
    with RejectsWriter(tmp_path / "rejects") as writer:
        writer.write(found.rejects)


def test_a_dangling_link_in_a_directory_is_a_reject(tmp_path):
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")
    assert read(tmp_path).reasons == [(0, "unreadable")]


def test_a_pipe_in_a_directory_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.csv").write_bytes(CSV)
    assert read(tmp_path).accounts == ["a", "b"]


# --- in what form ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress]
)
@pytest.mark.parametrize(
    "data", [CSV, XAPI, b"\xef\xbb\xbf" + CSV, CSV.replace(b"\n", b"\r\n"), CSV[:-1]]
)
def test_form_and_compression_are_found_by_content(tmp_path, compress, data):
    path = tmp_path / "export(3).txt"
    path.write_bytes(compress(data))
    found = read(path)
    assert len(found.accounts) == (5 if data == XAPI else 2)
    assert not found.rejects


@pytest.mark.parametrize("document", [
    json.dumps([statement(n) for n in range(5)]),
    json.dumps([statement(n) for n in range(5)], indent=2),
    json.dumps({"more": "", "statements": [statement(n) for n in range(5)]}),
    json.dumps([{"account": n, "time": TIME} for n in range(5)], indent=1),
])  # fmt: skip
def test_json_documents_are_read_as_wholes(tmp_path, document):
    path = tmp_path / "document.json.gz"
    path.write_bytes(gzip.compress(document.encode()))
    found = read(path)
    assert len(found.accounts) == 5
    assert not found.rejects


def test_one_pretty_statement_is_a_document_too(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(statement(1), indent=2))
    assert len(read(path).accounts) == 1


def test_a_truncated_document_counts_what_is_whole_and_is_rejected_once(tmp_path):
    path = tmp_path / "document.json.gz"
    text = json.dumps([{**statement(n), "x": os.urandom(200).hex()} for n in range(200)]).encode()
    path.write_bytes(gzip.compress(text)[:-15_000])
    found = read(path)
    assert 50 < len(found.accounts) < 200
    assert "truncated" in [reason for _, reason in found.reasons]
    assert len(found.rejects) <= 2  # the file, and the statement that was cut


@pytest.mark.parametrize("write", ["parquet", "arrow file", "arrow stream"])
def test_columnar_files(tmp_path, write):
    table = pa.table(
        {
            "user_id": [1, 2, 3],
            "timestamp": [TIME] * 3,
            "event": ["x", None, "y"],
            "salary": [5, 5, 5],
        }
    )
    path = tmp_path / "data"
    if write == "parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_file if write == "arrow file" else pa.ipc.new_stream
        with new(str(path), table.schema) as writer:
            writer.write_table(table)
    for found in (read(path), read("-", stdin=io.BytesIO(path.read_bytes()))):
        assert found.accounts == ["1", "2", "3"]
        assert any("salary" in note for note in found.notes)


def test_a_damaged_parquet_file_is_one_reject(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"account": ["a"] * 1000, "time": [TIME] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-20])
    assert read(path).reasons == [(0, "unreadable")]


def test_a_file_may_be_read_as_what_the_caller_says(tmp_path):
    path = tmp_path / "rows.json"
    path.write_bytes(json_lines([{"account": "a", "time": TIME}]))
    assert read(path).accounts == ["a"]
    assert read(path, codec="xapi").reasons == [(1, "missing_field")]


# --- broken input ------------------------------------------------------------------------------------------------


def test_broken_lines_cost_themselves(tmp_path):
    path = tmp_path / "log.json"
    path.write_bytes(b'ut off"}\n' + XAPI + b"\xff\n" + XAPI)
    found = read(path)
    assert len(found.accounts) == 10
    assert [line for line, _ in found.reasons] == [1, 7]
    assert {reject.source for reject in found.rejects} == {str(path)}


def test_a_truncated_file_counts_its_whole_lines(tmp_path):
    path = tmp_path / "log.json.gz"
    path.write_bytes(gzip.compress(json_lines(map(statement, range(20_000))))[:-2_000])
    found = read(path)
    assert 10_000 < len(found.accounts) < 20_000
    assert found.reasons == [(len(found.accounts) + 1, "truncated")]


def test_a_last_line_that_is_whole_counts_although_the_stream_is_cut(tmp_path):
    path = tmp_path / "log.json.gz"
    path.write_bytes(gzip.compress(XAPI)[:-4])
    found = read(path)
    assert len(found.accounts) == 5
    assert found.reasons == [(0, "truncated")]


def test_of_a_table_the_row_that_was_cut_never_counts(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(CSV[:-3])[:-4])
    found = read(path)
    assert found.accounts == ["a"]
    assert found.reasons == [(3, "truncated")]


def test_a_line_without_end_costs_itself_in_a_table_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV + b"x" * (LINE_BYTES_MAX + 5) + b"\n" + CSV.split(b"\n", 1)[1])
    found = read(path)
    assert found.accounts == ["a", "b"] * 2
    assert found.reasons == [(4, "line_too_long")]


def test_an_open_quote_does_not_swallow_the_rest_of_the_file(tmp_path):
    path = tmp_path / "a.csv"
    rows = CSV.split(b"\n", 1)[1]
    path.write_bytes(CSV + b'"open,' + TIME.encode() + b",x\n" + rows * 60_000)
    found = read(path)
    assert len(found.accounts) == 120_002
    assert found.reasons == [(4, "quote_misplaced")]


def test_quoted_newlines_may_lie_on_the_border_of_chunks(tmp_path):
    path = tmp_path / "a.csv"
    row = b'"a\n%d",' + TIME.encode() + b',"x, ""y""\n\n"\n'
    path.write_bytes(b"account,time,verb\n" + b"".join(row % n for n in range(50_000)))
    found = read(path)
    assert found.accounts == [f"a\n{n}" for n in range(50_000)]
    assert not found.rejects


def test_utf16_is_refused_and_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV.decode().encode("utf-16"))
    assert read(path).reasons == [(0, "not_utf8")]


def test_a_directory_of_other_things_is_a_reject_each(tmp_path):
    others = {
        "photo.jpg": b"\xff\xd8\xff\xe0" + os.urandom(2_000),
        "paper.pdf": b"%PDF-1.7\n%\xe2\xe3\n",
        "README.md": b"# Read me\n\nThese are logs.\n",
        "grades.csv": b"name,grade\nAda,1\n",
        "config.json": b'{"a": 1}\n',
        "all.zip": b"PK\x03\x04" + os.urandom(100),
        "random": b"\x00" + os.urandom(3_000),
        "one-long-line": b"x" * (LINE_BYTES_MAX + 10),
    }
    for name, data in others.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "log.csv").write_bytes(CSV)
    (tmp_path / "empty.csv").write_bytes(b"")
    found = read(tmp_path)
    assert found.accounts == ["a", "b"]
    assert sorted(reject.source for reject in found.rejects) == sorted(
        str(tmp_path / n) for n in others
    )
    assert {(reject.line, reject.reason.value) for reject in found.rejects} <= {
        (0, "not_events"),
        (1, "line_too_long"),
    }
    assert any("empty.csv is empty" in note for note in found.notes)


def test_what_homeroom_wrote_is_passed_over(tmp_path):
    with RejectsWriter(tmp_path / "rejects.ndjson") as writer:
        (tmp_path / "bad.csv").write_bytes(CSV + b"x\n")
        writer.write(read(tmp_path).rejects)
    found = read(tmp_path)
    assert [reject.source for reject in found.rejects] == [str(tmp_path / "bad.csv")]
    assert any("written by homeroom" in note for note in found.notes)


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
def test_an_empty_file_is_nothing_and_that_is_said(tmp_path, compress):
    path = tmp_path / "a.csv"
    path.write_bytes(compress(b""))
    found = read(path)
    assert (found.accounts, found.rejects) == ([], [])
    assert found.notes == [f"{path} is empty"]


# --- progress and mappings ---------------------------------------------------------------------------------------


def test_progress_ends_where_the_files_end(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV * 1))
    (tmp_path / "b.json").write_bytes(XAPI)
    (tmp_path / "c.jpg").write_bytes(b"\xff\xd8\xff" + os.urandom(5_000_000))
    pq.write_table(pa.table({"account": ["a"] * 9, "time": [TIME] * 9}), tmp_path / "d.parquet")
    found = read(tmp_path)
    assert found.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert found.read_bytes == found.size_bytes
    assert read("-", stdin=io.BytesIO(CSV)).size_bytes is None


def test_a_mapping_reads_what_it_fits_and_the_rest_is_said(tmp_path):
    mapping = parse_mapping("account = 'who'\ntime = 'when'", "m.toml")
    (tmp_path / "a.csv").write_bytes(b"who;when\nx;2024\n")
    (tmp_path / "b.csv").write_bytes(b"some;thing\n1;2\n")
    found = read(tmp_path, mapping=mapping)
    assert found.accounts == ["x"]
    assert found.reasons == [(0, "not_events")]


EXPORT = (
    "Time,User full name,Affected user,Event context,Component,Event name,Description,Origin,IP address\n"
    '"1/03/24, 11:00",Ada,-,Course: C,System,Course viewed,'
    "\"The user with id '5' viewed the course with id '2'.\",web,10.0.0.1\n"
)


def test_a_moodle_export_is_told_by_its_header_and_read_in_the_zone_of_the_mapping(tmp_path):
    path = tmp_path / "logs.csv"
    path.write_text(EXPORT)
    found = read(path)
    assert (found.accounts, found.rejects) == (["5"], [])
    assert any("read as UTC" in note for note in found.notes)
    mapping = parse_mapping("[moodle]\ntimezone = 'Europe/Berlin'", "m.toml")
    ((_, decoded),) = read_inputs([path], ReadOptions(mapping=mapping))
    assert list(decoded.events.time) == [1_709_287_200_000]
    assert read(path, mapping=mapping).notes == []


def test_a_look_up_that_is_needed_and_missing_is_said(tmp_path):
    path = tmp_path / "student_assessment.csv"
    path.write_bytes(b"id_assessment,id_student,date_submitted,is_banked,score\n1,2,3,False,78\n")
    (reject,) = read(path).rejects
    assert reject.reason.value == "not_events"
    assert "assessment.csv" in reject.detail
    (tmp_path / "assessment.csv").write_bytes(
        b"code_module,code_presentation,id_assessment\nA,2013J,1\n"
    )
    assert read(path).accounts == ["2"]


def test_oulad_is_read_as_it_lies(shared_data):
    directory = shared_data("oulad")
    found = read(directory)
    assert len(found.accounts) == (173_912 - 1_909) + (32_593 - 45) + 10_072
    assert found.reasons.count((0, "not_events")) == 0
    assert sum("the mapping oulad says so" in note for note in found.notes) == 2  # course and vle
    assert sum(reason == "missing_field" for _, reason in found.reasons) == 45
    assert sum("looks up" in note for note in found.notes) == 2
    assert read(directory / "student.csv.gz", mapping=load_mapping("oulad")).accounts == []


# --- anything at all ---------------------------------------------------------------------------------------------

PIECES = st.sampled_from([
    CSV, XAPI[:400], b'"', b"\n", b"{", b"[", b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff", b"\xff\xfe", b"account,time\n",  # noqa: E501
    gzip.compress(CSV), gzip.compress(CSV)[:30], zstandard.compress(XAPI), bz2.compress(CSV), lzma.compress(CSV)[:40],
])  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=5),
    st.sampled_from([None, "xapi", "table"]),
)
def test_no_bytes_raise_anything_but_our_own_errors(tmp_path, parts, codec):
    path = tmp_path / "anything"
    path.write_bytes(b"".join(parts))
    try:
        found = read(path, codec=codec)
    except HomeroomError:
        return
    assert all(reject.source == str(path) for reject in found.rejects)
    assert found.read_bytes == path.stat().st_size


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_to_a_columnar_file_raises_anything_but_our_own_errors(tmp_path, data):
    whole = tmp_path / "whole.parquet"
    if not whole.exists():
        table = pa.table(
            {"account": ["a", "b", None] * 20, "time": [TIME] * 60, "score": [1.0] * 60}
        )
        pq.write_table(table, whole)
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(content)
    found = read(path)
    assert len(found.accounts) <= 60


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(st.just(XAPI.split(b"\n")[0]), st.binary(min_size=1, max_size=20)), max_size=12
    )
)
def test_events_and_rejects_add_up_to_the_lines(tmp_path, parts):
    path = tmp_path / "log.json"
    lines = [part.replace(b"\n", b"\\").strip() for part in parts]
    path.write_bytes(XAPI + b"\n".join(lines) + b"\n")
    found = read(path)
    assert len(found.accounts) + len(found.rejects) == 5 + sum(bool(line) for line in lines)
