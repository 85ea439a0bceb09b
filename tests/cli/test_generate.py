"""``homeroom generate`` from the outside."""

import json
import subprocess
import sys

import pytest

from homeroom.cli import main


def generate(*words: object) -> int:
    return main(["generate", *map(str, words)])


def test_generate_writes_what_it_says_and_the_truth_beside_it(tmp_path, capsys):
    out, truth = tmp_path / "log.csv", tmp_path / "truth.json"
    assert generate(out, "--learners", 200, "--events", "1.5k", "--days", 30, "--truth", truth) == 0
    assert len(out.read_text().splitlines()) == 1_501
    written = json.loads(truth.read_text())
    assert written["rows"] == 1_500
    assert written["events"] + written["repeats"] == 1_500
    said = capsys.readouterr()
    assert said.out == ""
    assert f"1,500 lines (csv), 1,485 events of {written['learners']} learners" in said.err


def test_generate_makes_twenty_events_a_learner_if_not_told(tmp_path):
    assert generate(tmp_path / "log.ndjson", "--learners", 30) == 0
    assert len((tmp_path / "log.ndjson").read_text().splitlines()) == 600


def test_generate_fills_a_directory(tmp_path):
    assert generate(tmp_path / "d", "--learners", 30, "--files", 3, "--format", "xapi") == 0
    assert len(list((tmp_path / "d").glob("*.ndjson"))) == 3


def test_generate_does_not_replace_a_file_unless_told(tmp_path, capsys):
    out = tmp_path / "log.csv"
    out.write_text("a real log")
    assert generate(out, "--learners", 30) == 2
    assert "is there already" in capsys.readouterr().err
    assert out.read_text() == "a real log"
    assert generate(out, "--learners", 30, "--overwrite") == 0
    assert out.read_text() != "a real log"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--events", "many"], "'many' is no whole number; write 10000, 250k or 1.5M"),
        (["--events", "0.0001k"], "is no whole number"),
        (["--learners", "0"], "learners == 0, must be from 1 to 100,000,000"),
        (["--repeats", "0.9"], "repeats == 0.9, must be from 0 to 0.5"),
        (["--start", "1970-01-01"], "start == 1970-01-01, must be from 1990-01-01"),
        (["--start", "yesterday"], "yesterday"),
    ],
)
def test_generate_names_the_flag_that_makes_no_sense(tmp_path, capsys, words, message):
    assert generate(tmp_path / "log.csv", *words) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_generate_imports_nothing_heavy_before_it_runs():
    code = (
        "import sys; from homeroom.cli.generate import command; "
        "print(sorted({'numpy', 'numba', 'pyarrow', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
