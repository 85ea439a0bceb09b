"""Files of definitions and their lists: pseudonyms or accounts, in any form; errors name file and place."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homeroom import limits
from homeroom.adapters.definition_files import read_definitions
from homeroom.adapters.names import NameBook, read_names
from homeroom.errors import QuestionError, SourceError
from homeroom.events.pseudonyms import pseudonyms

KEY = bytes(range(32))


def pseudonym(account: str, issuer: str = "") -> str:
    hi, lo = pseudonyms(KEY, issuer, [account])
    return f"{int(hi[0]):016x}{int(lo[0]):016x}"


def no_key() -> bytes:
    raise AssertionError("no list holds accounts, so the key is not needed")


@pytest.fixture
def listed(tmp_path):
    """Return a function that writes a list under a name, and reads the definitions that name it."""

    def read(name: str, content: bytes, key=lambda: KEY, more: str = "") -> tuple[str, ...]:
        (tmp_path / name).write_bytes(content)
        file = tmp_path / "cohorts.toml"
        file.write_text(f'[cohort.a]\nlist = "x"\n[list.x]\nfile = "{name}"\n{more}')
        return read_definitions(file, key).lists["x"]

    return read


ACCOUNTS = {
    "csv": b"account\nana\n\nben\n",
    "more columns": b"name,account,mail\nAna,ana,a@example.org\nBen,ben,b@example.org\n",
    "tsv": b"account\tgroup\nana\t1\nben\t2\n",
    "gz": gzip.compress(b"account\nana\nben\n"),
}


@pytest.mark.parametrize("content", ACCOUNTS.values(), ids=ACCOUNTS)
def test_accounts_become_pseudonyms_under_the_key_of_the_data(listed, content):
    assert listed("list.csv", content) == (pseudonym("ana"), pseudonym("ben"))


def test_issuers_stand_in_the_file_or_in_the_definition(listed):
    expected = (pseudonym("ana", "https://a.example"), pseudonym("ben", "https://b.example"))

    table = b"issuer,account\nhttps://a.example,ana\nhttps://b.example,ben\n"
    assert listed("list.csv", table) == expected
    one = listed("list.csv", b"account\nana\n", more='issuer = "https://a.example"\n')
    assert one == expected[:1]
    with pytest.raises(QuestionError, match=r"cohorts\.toml: list\.x: .* names the issuers"):
        listed("list.csv", table, more='issuer = "https://a.example"\n')


@pytest.mark.parametrize("column", ["pseudonym", "learner"])
def test_pseudonyms_need_no_key(listed, column):
    content = f"{column},account\n{'0' * 31}A,ana\n{'f' * 32},ben\n".encode()
    assert listed("list.csv", content, no_key) == ("0" * 31 + "a", "f" * 32)


def test_a_list_may_be_parquet(listed, tmp_path):
    pq.write_table(pa.table({"account": ["ana"]}), tmp_path / "t.parquet")
    assert listed("list.parquet", (tmp_path / "t.parquet").read_bytes()) == (pseudonym("ana"),)


BROKEN = {
    "no column": (b"mail\na@example.org\n", "", r"list\.x: .*list\.csv has no column of learners"),
    "no pseudonym": (b"pseudonym\nana\n", "", r"list\.x: member 1 is no pseudonym"),
    "half a gz": (gzip.compress(b"account\n" + b"ana\n" * 999)[:30], "", r"list\.csv cannot be read"),
    "stray field": (b"account\nana\n", "colour = 1\n", r"list\.x\.colour is no field here"),
    "no text": (b"account\nana\n", "issuer = 1\n", r"list\.x: file and issuer must be texts"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "more", "says"), BROKEN.values(), ids=BROKEN)
def test_a_list_that_cannot_be_used_is_named(listed, content, more, says):
    with pytest.raises(QuestionError, match=says):
        listed("list.csv", content, more=more)


def test_a_list_that_is_not_there_is_named(tmp_path):
    file = tmp_path / "cohorts.toml"
    file.write_text('[list.x]\nfile = "nowhere.csv"\n')
    with pytest.raises(QuestionError, match=r"list\.x: .*nowhere\.csv cannot be read: No such"):
        read_definitions(file, no_key)


def test_json_says_the_same_as_toml(tmp_path):
    rule = {"did": "verb=played", "within": {"from": "2024-01-01"}}
    (tmp_path / "a.json").write_text(json.dumps({"cohort": {"x": rule}}))
    (tmp_path / "a.toml").write_text(
        '[cohort.x]\ndid = "verb=played"\nwithin = { from = 2024-01-01 }\n'
    )
    found = [read_definitions(tmp_path / name, no_key) for name in ("a.json", "a.toml")]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.toml", b"[cohort.x\n", r"a\.toml is neither TOML nor JSON"),
        ("a.json", b"[" * 100_000, r"a\.json is neither TOML nor JSON"),
        ("a.json", b"[1]", r"a\.json holds no tables"),
        ("a.toml", b"\xff\xfe", r"a\.toml is neither TOML nor JSON"),
        ("a.toml", b'[cohort.x]\ndid = ""\n', r"a\.toml: cohort\.x\.did"),
        ("a.toml", b'list = "x"\n', r"a\.toml: list is 'x'; write \[list\.NAME\] tables"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(QuestionError, match=says):
        read_definitions(tmp_path / name, no_key)


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path):
    with (tmp_path / "a.toml").open("wb") as file:
        file.truncate(limits.WRITTEN_FILE_BYTES_MAX + 1)
    with pytest.raises(QuestionError, match="keep long lists of learners in files of their own"):
        read_definitions(tmp_path / "a.toml", no_key)


def test_names_are_read_as_they_were_written(tmp_path):
    book = NameBook()
    hi, lo = pseudonyms(KEY, "https://a.example", ["ana"])
    book.add(hi, lo, ["https://a.example"], pa.array(["ana"]))
    for suffix in (".csv", ".parquet"):
        book.write(tmp_path / f"names{suffix}")
        assert read_names(tmp_path / f"names{suffix}") == {
            pseudonym("ana", "https://a.example"): ("https://a.example", "ana")
        }


def test_names_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("account\nana\n")
    with pytest.raises(SourceError, match=r"a\.csv is no file of names"):
        read_names(tmp_path / "a.csv")
    with pytest.raises(SourceError, match=r"b\.csv cannot be read: No such"):
        read_names(tmp_path / "b.csv")
