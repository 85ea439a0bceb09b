"""Delimited text: the quick way and the exact way agree, and a broken record costs its own line."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.events import delimited
from homeroom.events.delimited import Columns, Dialect, cut_last_records, cut_records, parse_records

ABC = Dialect(b",", ("a", "b", "c"))


def read(text: bytes, dialect: Dialect = ABC) -> Columns:
    records = cut_last_records(text, dialect.delimiter)
    return parse_records(text, records, 2, dialect, dialect.names)


def rows(columns: Columns) -> list[tuple[str | None, ...]]:
    return list(zip(*(column.to_pylist() for column in columns.by_name.values()), strict=True))


def reasons(columns: Columns) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason.value) for reject in columns.rejects]


def test_cells_are_text_and_empty_ones_are_null():
    columns = read(b'1,,"x, ""y"""\r\n"",2,3\r\n')
    assert rows(columns) == [("1", None, 'x, "y"'), (None, "2", "3")]
    assert columns.line.tolist() == [2, 3]


def test_lines_are_counted_true_across_blank_lines_and_newlines_in_quotes():
    columns = read(b'1,2,3\n\n4,"five\nand\r\nmore",6\n\r\n7,8,9\n')
    assert rows(columns) == [("1", "2", "3"), ("4", "five\nand\r\nmore", "6"), ("7", "8", "9")]
    assert columns.line.tolist() == [2, 4, 8]


def test_a_row_of_another_length_costs_itself():
    columns = read(b"1,2,3\n\n1,2\n4,5,6\n1,2,3,4\n")
    assert [row[0] for row in rows(columns)] == ["1", "4"]
    assert columns.line.tolist() == [2, 5]
    assert reasons(columns) == [(4, "column_count"), (6, "column_count")]
    assert columns.rejects[0].detail == "2 columns, the header has 3"


def test_a_cell_that_is_not_utf8_costs_its_row_and_only_if_it_is_read():
    text = b"1,2,3\n4,\xff,6\n7,8,9\n"
    assert reasons(read(text)) == [(3, "not_utf8")]
    records = cut_last_records(text, b",")
    assert parse_records(text, records, 2, ABC, ("a", "c")).line.tolist() == [2, 3, 4]


def test_a_quote_within_a_field_is_only_a_quote():
    assert rows(read(b'1,5" disk,3\n4,5"x"6,7\n')) == [("1", '5" disk', "3"), ("4", '5"x"6', "7")]


def test_a_quote_that_is_never_closed_costs_one_line():
    columns = read(b'1,2,3\n4,"oops,6\n7,8,9\n"a","b","c"\n')
    assert [row[0] for row in rows(columns)] == ["1", "7", "a"]
    assert reasons(columns) == [(3, "quote_misplaced")]


def test_what_stands_behind_a_closing_quote_costs_one_line():
    columns = read(b'1,"2"x,3\n4,5,6\n')
    assert rows(columns) == [("4", "5", "6")]
    assert reasons(columns) == [(2, "quote_misplaced")]


def test_a_quoted_field_may_span_so_many_lines_and_no_more(monkeypatch):
    monkeypatch.setattr(delimited, "QUOTED_LINES_MAX", 10)
    fits = b'1,"' + b"x\n" * 9 + b'",3\n4,5,6\n'
    assert len(rows(read(fits))) == 2
    too_long = b'1,"' + b"x,x,x\n" * 11 + b'",3\n4,5,6\n'
    columns = read(too_long)
    assert reasons(columns)[0] == (2, "quote_misplaced")
    assert rows(columns)[-1] == ("4", "5", "6")


def test_an_open_record_waits_for_more_text():
    text = b'1,2,3\n4,"five\n'
    assert cut_records(text, b",").end == 6
    assert cut_records(b'1,2"x,3\n4,"five\n', b",").end == 8
    assert cut_last_records(text, b",").end == len(text)


def test_an_open_record_waits_no_further_than_the_bound(monkeypatch):
    monkeypatch.setattr(delimited, "QUOTED_LINES_MAX", 10)
    assert cut_records(b'1,"2,3\n' + b"4,5,6\n" * 9, b",").end == 0
    assert cut_records(b'1,"2,3\n' + b"4,5,6\n" * 20, b",").end == 7 + 6 * 20


def test_a_carriage_return_alone_ends_no_record():
    assert [row[0] for row in rows(read(b"1,2\r3,4\n5,6,7\n"))] == ["1", "5"]


CELL = st.text(st.sampled_from('ab,"\n\r;\té '), max_size=5)


@settings(max_examples=40)
@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=8))
def test_what_the_standard_library_writes_is_read_as_it_was(table):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    columns = read(out.getvalue().encode())
    assert not columns.rejects
    assert rows(columns) == [tuple(cell or None for cell in row) for row in table]


@settings(max_examples=60)
@given(st.text(st.sampled_from('a1,,"\n\n\r'), max_size=60))
def test_both_ways_to_read_agree(text):
    data = text.encode() + b"\n"
    quick = read(data)
    exact = delimited._exactly(
        data, delimited._one_by_one(data, b",", last=True), 2, ABC, ABC.names
    )
    assert rows(quick) == rows(exact)
    assert quick.line.tolist() == exact.line.tolist()
    assert reasons(quick) == reasons(exact)


@settings(max_examples=40)
@given(st.binary(max_size=80), st.sampled_from([b",", b";", b"\t"]))
def test_whatever_the_bytes_are_every_line_is_a_row_a_reject_or_part_of_one(data, delimiter):
    data += b"\n"
    columns = read(data, Dialect(delimiter, ("a", "b")))
    assert len(columns.line) + len(columns.rejects) <= data.count(b"\n")
    assert all(2 <= line <= 1 + data.count(b"\n") for line in columns.line)


@pytest.mark.parametrize("text", [b"", b"\n", b"\r\n\n"])
def test_nothing_is_nothing(text):
    columns = read(text)
    assert (len(columns.line), columns.rejects) == (0, [])
