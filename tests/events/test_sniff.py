"""What a file is, by what is in it."""

import json

import pytest

from homeroom.events.mapping import spec_of_names
from homeroom.events.sniff import (
    Container,
    container_of,
    sniff_document,
    sniff_lines,
    standard_looks,
)

STATEMENT = {
    "actor": {"account": {"name": "a", "homePage": "https://x.org"}},
    "verb": {"id": "https://x.org/verbs/did"},
    "object": {"id": "https://x.org/a"},
    "timestamp": "2024-01-01T00:00:00Z",
}
ROW = {"account": "a", "time": "2024-01-01T00:00:00Z", "verb": "viewed"}


def accepts(names):
    return "table" if spec_of_names(names) is not None else None


def codec_of(text: bytes) -> str | None:
    return sniff_lines(text, standard_looks(), accepts).codec


def lines(*objects) -> bytes:
    return b"".join(json.dumps(o).encode() + b"\n" for o in objects)


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"PAR1\x15\x04", Container.PARQUET),
        (b"ARROW1\0\0", Container.ARROW_FILE),
        (b"\xff\xff\xff\xff\x70\0\0\0", Container.ARROW_STREAM),
        (b'[{"a": 1}]', Container.DOCUMENT),
        (b"\xef\xbb\xbf\n [\n  {", Container.DOCUMENT),
        (b'{"statements": [', Container.DOCUMENT),
        (b'{"more": "", "statements": [', Container.DOCUMENT),
        (b'{\n  "id": 1', Container.DOCUMENT),
        (b'{"id": 1}\n{"id": 2}', Container.LINES),
        (b"[2024-01-01 10:00] a log line", Container.LINES),
        (b"account,time\n", Container.LINES),
        (b"", Container.LINES),
    ],
)
def test_the_first_bytes_tell_the_form(head, container):
    assert container_of(head) is container


def test_json_lines_are_told_by_any_line_that_decodes():
    assert codec_of(lines(STATEMENT)) == "xapi"
    assert codec_of(b'cut off"}\n\n{"broken": \n' + lines(STATEMENT)) == "xapi"
    assert codec_of(lines({"heartbeat": 1}, STATEMENT)) == "xapi"
    assert codec_of(lines(ROW)) == "table"
    assert codec_of(lines({"some": "thing"})) is None


def test_rows_may_name_columns_that_the_first_has_not():
    found = sniff_lines(lines(ROW, {**ROW, "score": 1}), standard_looks(), accepts)
    assert found.names == ("account", "time", "verb", "score")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_header_tells_delimited_text_and_its_delimiter(delimiter):
    header = delimiter.join(["account", "time", '"what, where; or|how"'])
    found = sniff_lines(
        f"{header}\r\n1{delimiter}2{delimiter}3\r\n".encode(), standard_looks(), accepts
    )
    assert found.codec == "table"
    assert found.dialect is not None
    assert found.dialect.delimiter == delimiter.encode()
    assert found.names == ("account", "time", "what, where; or|how")


def test_a_header_may_stand_below_a_title():
    found = sniff_lines(b"sep=;\n# export of Monday\naccount;time\n", standard_looks(), accepts)
    assert (found.codec, found.header_line) == ("table", 3)


def test_columns_without_a_name_or_with_one_twice_get_one_of_their_own():
    found = sniff_lines(b"account,time,,x,x\n", standard_looks(), accepts)
    assert found.names == ("account", "time", "#3", "x", "x#5")


@pytest.mark.parametrize(
    "text",
    [b"\xff\xd8\xff\xe0 a photograph", b"# Read me\nwords\n", b"name,mail\n", b"\n\n", b"42"],
)
def test_what_is_not_events_is_not_guessed_at(text):
    assert codec_of(text) is None


def test_files_of_homerooms_own_are_known():
    rejects = lines({"source": "a", "line": 1, "reason": "not_json", "detail": "x"})
    assert sniff_lines(rejects, standard_looks(), accepts).own
    assert sniff_lines(b"# homeroom pseudonym key. Who has it\n", standard_looks(), accepts).own


def test_a_document_is_told_by_the_elements_that_its_head_holds():
    def codec(head: bytes) -> str | None:
        return sniff_document(head, standard_looks(), accepts).codec

    statement, row = json.dumps(STATEMENT).encode(), json.dumps(ROW, indent=2).encode()
    assert codec(b"[" + statement + b", " + statement[:20]) == "xapi"
    assert codec(b'{"statements": [' + statement + b"]}") == "xapi"
    assert codec(b'{"statements": []}') == "xapi"
    assert codec(b"[" + row + b"]") == "table"
    assert codec(b'[{"broken": }, ' + row + b"]") == "table"
    assert codec(json.dumps(STATEMENT, indent=1).encode()) == "xapi"
    assert codec(b'\xef\xbb\xbf{"count": 3, "more": null, "statements": [' + statement) == "xapi"
    assert codec(b'[{"a": 1}]') is None
    assert codec(b'[{"score": NaN, ' + statement[1:] + b"]") == "xapi"
    assert sniff_document(b" [ ]\n", standard_looks(), accepts).empty


def test_a_log_whose_lines_all_have_a_prefix_is_known():
    event = json.dumps(
        {"username": "j", "event_type": "play_video", "event_source": "browser", "time": "x"}
    )
    assert codec_of(b"Mar 1 host [tracking]: " + event.encode() + b"\n") == "openedx"


def test_a_header_is_one_line():
    assert codec_of(b"account,time,verb\rjane,2024-03-01T10:00:00Z,a\r") is None
