"""Tables of ids and of pairs, in the forms that tables come in; what is none is refused by its name."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homeroom.adapters.pairs import read_ids, read_pairs
from homeroom.errors import SourceError


def test_ids_stand_in_a_column(tmp_path):
    alone, beside = tmp_path / "ids.csv", tmp_path / "events.tsv.gz"
    alone.write_text("id\na\n\nb\n")
    beside.write_bytes(gzip.compress(b"verb\tid\nplayed\ta\nplayed\t\nplayed\tb c\n"))
    assert read_ids(alone) == ["a", "b"]
    assert read_ids(beside) == ["a", "b c"]


def test_pairs_are_pseudonyms_or_accounts(tmp_path):
    one, other = "0" * 32, "f" * 32
    pseudonyms, accounts = tmp_path / "pairs.csv", tmp_path / "pairs.parquet"
    pseudonyms.write_text(f"pseudonym,other\n{one},{other}\n")
    columns = {"issuer": ["i"], "account": ["a"], "other_issuer": [None], "other_account": ["b"]}
    pq.write_table(pa.table(columns), accounts)
    assert read_pairs(pseudonyms) == [(one, other)]
    assert read_pairs(accounts) == [(("i", "a"), ("", "b"))]


@pytest.mark.parametrize("read", [read_ids, read_pairs])
def test_what_is_no_such_table_is_named(tmp_path, read):
    with pytest.raises(SourceError, match=r"nowhere.csv cannot be read: No such file"):
        read(tmp_path / "nowhere.csv")
    other = tmp_path / "other.csv"
    other.write_text("account,time\na,b\n")
    with pytest.raises(SourceError, match="first line must name"):
        read(other)
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(gzip.compress(b"id\n" + b"a\n" * 9_000)[:-20])
    with pytest.raises(SourceError, match=r"torn.csv.gz cannot be read"):
        read(torn)
