"""``homeroom ask`` and ``homeroom compare``: a question to a node, and what became other since an earlier answer."""

import json

import pytest

from homeroom.cli import main, status
from homeroom.client import Client, Wanted
from tests.client.foreign import Foreign
from tests.client.served import Served

EVENT = {"account": "ada", "verb": "read", "time": "2026-11-02T10:00:00Z", "course": "physics"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    one = Served(tmp_path_factory.mktemp("node") / "data")
    one.key_file = one.folder.parent / "key"
    one.key_file.write_text(one.key("read", "write", "persons", "admin") + "\n")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOMEROOM_KEY", raising=False)
    (tmp_path / "weekly.toml").write_text('question = "retention"\nto = "2026-11-16"\n')
    return tmp_path


def refused(capsys, *words):
    """Return what a command says that could not be done."""
    assert main(list(words)) == status.FAILED
    out, err = capsys.readouterr()
    assert not out
    return err


def test_a_question_is_asked_again_after_all_that_an_answer_held(served, here, capsys):
    asked = ["ask", served.url, "--key-file", str(served.key_file)]
    with Client(served.url, served.key_file.read_text().strip()) as client:
        receipt = client.send([EVENT, {**EVENT, "account": "bob"}])
        first = ["--question", "weekly.toml", "--after", receipt.token, "--fresh", "1"]
        assert main([*asked, *first, "--json", "before.json"]) == status.CLEAN
        assert capsys.readouterr().out.splitlines()[3].split() == ["2026-11-02", "2", "0", "0"]
        late = client.send([{**EVENT, "time": "2026-11-10T10:00:00Z"}])
    again = ["--since", "before.json", "--after", late.token, "--wait", "5"]
    assert main([*asked, *again, "--json", "after.json"]) == status.CLEAN
    told = capsys.readouterr().out
    assert "retention: 1 of 6 cells changed" in told
    assert "0→1 (+1)" in told
    assert main(["compare", "before.json", "after.json", "--json", "-"]) == status.CLEAN
    found = json.loads(capsys.readouterr().out)
    assert [(c["row"], c["column"], c["difference"]) for c in found["changed"]] == [
        ("2026-11-02", "1", 1)
    ]
    assert found["before"] != found["after"]
    assert main(["compare", "before.json", "before.json"]) == status.CLEAN
    assert capsys.readouterr().out == "retention: 0 of 6 cells changed\n"


def test_a_cell_is_explained_by_the_node_and_by_its_directory(served, here, capsys, monkeypatch):
    key = served.key_file.read_text().strip()
    with Client(served.url, key) as client:
        token = client.send([{**EVENT, "account": "eve"}]).token
        asked = ["ask", served.url, "--key-file", str(served.key_file), "--question", "weekly.toml"]
        assert main([*asked, "--after", token, "--json", "first.json"]) == status.CLEAN
        late = client.send([{**EVENT, "account": "eve", "time": "2026-11-11T10:00:00Z"}]).token
        assert main([*asked, "--after", late, "--json", "second.json"]) == status.CLEAN
    capsys.readouterr()
    explain = ["explain", "cell", served.url, "--key-file", str(served.key_file)]
    ends = ["--cell", "2026-11-02,1", "--since", "first.json"]
    assert main([*explain, *ends, "--until", "second.json"]) == status.CLEAN
    told = capsys.readouterr().out
    assert "1 entered, 0 left" in told
    assert late in told
    assert main([*explain, *ends, "--json", "-"]) == status.CLEAN
    found = json.loads(capsys.readouterr().out)
    assert [one["entry"] for one in found["entries"]] == [late]
    assert (found["before"], found["after"]) == (found["after"] - 1, found["before"] + 1)
    assert main([*explain, *ends, "--until", token, "--json", "-"]) == status.CLEAN
    assert json.loads(capsys.readouterr().out)["entries"] == []
    served.stop()
    try:
        here_too = ["explain", "cell", str(served.folder), *ends, "--json", "-"]
        assert main(here_too) == status.CLEAN
        again = json.loads(capsys.readouterr().out)
        told = ("entries", "entered", "left", "before", "after", "since")
        assert {name: again[name] for name in told} == {name: found[name] for name in told}
    finally:
        served.start()


def test_conflicts_are_shown_with_what_counts(served, here, capsys):
    with Client(served.url, served.key_file.read_text().strip()) as client:
        two = [{**EVENT, "id": "same", "account": one} for one in ("fay", "gus")]
        token = client.send(two).token
        client.query({"question": "active"}, Wanted(after=token))
    words = ["conflicts", served.url, "--key-file", str(served.key_file), "--days", "3660"]
    assert main(words) == status.CLEAN
    told = capsys.readouterr().out
    assert "1 conflict for times of the last 3,660 days" in told
    assert "both count; voiding the id voids both" in told
    assert main([*words, "--json", "-"]) == status.CLEAN
    assert json.loads(capsys.readouterr().out)["counts"]["event id"] == 1


def test_a_port_that_is_no_nodes_is_told_before_the_patience_ends(here, capsys, monkeypatch):
    monkeypatch.setenv("HOMEROOM_KEY", "hr_key")
    with Foreign(b"SSH-2.0-x\r\n\r\n") as port:
        told = refused(
            capsys,
            "ask",
            f"http://127.0.0.1:{port}",
            "--question",
            "weekly.toml",
            "--patience",
            "1",
        ).splitlines()
    why = f"what answers at 127.0.0.1:{port} does not speak HTTP"
    assert told[0].startswith(f"note: {why}")
    assert told[0].endswith("trying again, up to 1 s in all")
    assert sum(one.startswith("note:") for one in told) == 1, "each reason is said once"
    assert why in told[-1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--cell", "2026-11-02", "--since", "a/b/c/1/2"], "there is no question"),
        (["--cell", "x", "--since", "answer.json"], "must be ROW,COLUMN"),
        (["--cell", "x,1", "--since", "plain.json"], "has no vector"),
        (["--cell", "x,1", "--since", "gone.json"], "cannot be read"),
        (["--cell", "x,1", "--question", "weekly.toml", "--since", "a/b/c/d/e"], "neither a token"),
    ],
)
def test_what_is_explained_must_be_a_cell_between_two_answers(here, capsys, words, why):
    answer = {"question": {"question": "retention"}}
    (here / "answer.json").write_text(json.dumps({"answer": answer, "vector": {}, "epoch": 1}))
    (here / "plain.json").write_text(json.dumps(answer))
    assert why in refused(capsys, "explain", "cell", "nowhere", *words)


def test_what_is_asked_must_be_one_question_or_an_earlier_answer(here, capsys):
    asked = ["ask", "http://127.0.0.1:1"]
    assert "one of the two" in refused(capsys, *asked)
    (here / "list.json").write_text("[]")
    (here / "other.json").write_text('{"answer": []}')
    assert "holds no answer" in refused(capsys, *asked, "--since", "list.json")
    assert "must be an answer" in refused(capsys, *asked, "--since", "other.json")
    assert "holds no question" in refused(capsys, *asked, "--question", "list.json")


def test_files_that_hold_no_answers_are_named(here, capsys):
    (here / "cut.json").write_text('{"question": {"question": "retention"')
    assert "cut.json holds no answer" in refused(capsys, "compare", "cut.json", "cut.json")
    assert "gone.json cannot be read" in refused(capsys, "compare", "gone.json", "cut.json")
