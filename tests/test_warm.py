"""After ``homeroom warm`` nobody waits for a compiler: whatever is read or asked, no kernel is compiled any more.

Numba keeps what it compiles as ``*.nbc`` files. So the tests start from an empty folder for these, warm up, use the
program as people do, in processes of their own, and look whether a file has come that was not there before.
"""

import csv
import itertools
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.events.samples_codecs import (
    EXPORT_ROW,
    LOG_LINE,
    LOGSTORE_ROW,
    STATEMENT,
    changed,
    lines,
)

SHORT = ("--from", "2024-03-01", "--to", "2024-03-10")
QUESTIONS = (
    ("retention",),
    ("retention", "--interval", "day"),
    ("retention", "--interval", "month", "--mode", "recurring"),
    ("retention", "--interval", "hour", *SHORT),
    ("retention", "--match", "on-or-after", "--filter", "platform=web"),
    ("retention", "--brackets", "1,2-7", "--mode", "recurring"),
    ("retention", "--brackets", "1-2", "--match", "on-or-after", "--filter", "platform=web"),
    ("retention", "--entry-verb", "played", "--returning-verb", "completed"),
    ("retention", "--filter", "track=video", "--filter", "platform!=web"),
    (
        "retention",
        "--filter",
        "course=https://campus.example.org/course/001",
        "--breakdown",
        "platform",
    ),
    (
        "retention",
        "--filter",
        "course=https://campus.example.org/course/001",
        "--filter",
        "platform=web",
    ),
    ("retention", "--filter", "score>=0.5", "--breakdown", "activity"),
    ("retention", "--filter", "success=true", "--timezone", "Asia/Kolkata"),
    ("retention", "--align", "enrolment"),
    ("retention", "--align", "enrolment", "--filter", "verb=played"),
    ("retention", "--align", "course-start", "--interval", "day", "--breakdown", "course"),
    ("retention", "--align", "course-start", "--interval", "month", "--brackets", "1-3"),
    ("retention", "--breakdown", "track", "--week-start", "sunday"),
    ("lifecycle", "--breakdown", "course"),
    ("lifecycle", "--interval", "hour", *SHORT, "--filter", "platform=web"),
    ("stickiness", "--filter", "track=video,problem"),
    ("stickiness", "--filter", "verb=played", "--filter", "platform=android"),
    ("active", "--breakdown", "verb", "--filter", "platform=web"),
    ("active", "--timezone", "America/New_York"),
    ("report", "--course", "https://campus.example.org/course/001"),
    (
        "report",
        *("--course", "https://campus.example.org/course/001"),
        *("--course", "https://campus.example.org/course/002"),
        *("--filter", "platform=web", "--filter", "track=video,problem", "--breakdown", "platform"),
    ),
    ("report", "--course", "https://campus.example.org/course/001", "--filter", "verb=played"),
    ("report", "--course", "https://campus.example.org/course/001", "--filter", "platform=web"),
    ("members", "--definitions", "cohorts.toml", "--cohort", "days"),
    ("at-risk",),
    ("at-risk", "--as-of", "2024-02-20T00:00:00Z", "--filter", "platform=web", "--weeks", "3"),
    ("at-risk", "--definitions", "cohorts.toml", "--cohort", "any", "--breakdown", "course"),
    ("at-risk", "--timezone", "Asia/Kolkata", "--sort", "most-active", "--beyond", "any"),
    (
        "cohort",
        "--definitions",
        "cohorts.toml",
        "--cohort",
        "any",
        "--changed",
        "2024-02-01,2024-03-01",
    ),
    ("overlap", "--definitions", "cohorts.toml"),
    ("retention", "--definitions", "cohorts.toml", "--cohort", "any", "--compare", "days,web"),
    ("funnel", "--step", "verb=registered", "--step", "verb=played", "--within", "3d"),
    (
        *("funnel", "--step", "verb=played", "--step", "verb=answered", "--order", "strict"),
        *(
            "--exclude",
            "verb=posted",
            "--increasing",
            "--count",
            "every",
            "--filter",
            "platform=web",
        ),
    ),
    ("funnel", "--step", "track=video", "--step", "verb=answered", "--order", "any"),
    (
        *("funnel", "--step", "score>=0.5", "--step", "any", "--order", "any"),
        *("--count", "every", "--breakdown", "platform"),
    ),
    ("paths", "--by", "activity", "--depth", "6", "--within", "none"),
    ("paths", "--before", "verb=posted", "--fold", "none", "--filter", "platform=web"),
    ("stickiness", "--definitions", "cohorts.toml", "--cohort", "steps", "--filter", "verb=played"),
)
COHORTS = """
[cohort]
days = { did = "track=video", at_least = 2, unit = "days", within = "40d" }
web = { attribute = "platform=web" }
quiet = { stopped = "any", quiet = "7d" }
count = { did = "verb=played", at_least = 2, within = { to = 2024-03-01 } }
days-of-verb = { did = "verb=played", at_least = 2, unit = "days" }
steps = { sequence = ["verb=played", "verb=completed"], in = "2d" }
then = { did = "verb=played", then_not = "verb=completed", during = "2d" }
early = { first = "verb=played", within = { before = "start" } }
in-time = { did = "any", within = { before = "start" } }
latest = { result = "score>=0.5" }
best = { result = "score>=0.5", of = "best" }
success = { result = "success=true" }
any = { any = [{ cohort = "days" }, { not = { cohort = "steps" } }] }

[calendar."https://campus.example.org/course/001"]
start = 2024-02-20
"""

SCANNED = (("retention",), ("retention", "--interval", "day"), ("lifecycle",))

ASKED = """
import sys
import homeroom as hr
data = hr.open(sys.argv[1])
week = data.retention(interval="week").counts.tolist()
print(week, data.stickiness(interval="hour", from_="2025-02-01", to="2025-02-03").learners.tolist())
print("numba" in sys.modules)
"""

PROGRAM = """
import sys
from homeroom.cli import main, status
for line in sys.stdin:
    ended = main(eval(line))
    assert ended in (status.CLEAN, status.REJECTS_MET), (ended, line)
"""


def run(cache: Path, *commands: tuple[str, ...]) -> None:
    """Run commands in one process whose kernels are kept in a folder of their own."""
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(cache),
        "XDG_CONFIG_HOME": str(cache.parent / "config"),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="".join(f"{list(command)!r}\n" for command in commands),
        env=environment,
        cwd=cache.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]


def kernels(cache: Path) -> set[str]:
    return {path.name for path in cache.rglob("*.nbc")}


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> Path:
    """Return a folder of kernels as ``homeroom warm`` leaves it."""
    cache = tmp_path_factory.mktemp("warm") / "kernels"
    run(cache, ("warm",))
    assert kernels(cache), "kernels are kept where the environment says"
    return cache


def in_ways(folder: Path) -> dict[str, str]:
    """Write learners in every format, and return the files by what they are."""
    names = ("events.csv", "events.ndjson", "events.parquet", "events.ndjson.gz", "many.parquet")
    few, many = ("--events", "4000"), ("--events", "200000")
    flags = ("--learners", "300", "--seed", "3", "--start", "2024-01-15")
    ways = {name: str(folder / name) for name in names}
    run(
        folder / "generating",
        *(("generate", ways[n], *flags, *(many if "many" in n else few)) for n in names),
    )
    statement = {**STATEMENT, "context": {"platform": "web"}}
    written = {
        "holes.csv": "account,time,verb\na,2024-03-01T08:00:00Z,played\n,2024-03-01T08:00:00Z,played\n",
        "table.tsv": "account\ttime\tverb\na\t2024-03-01 08:00:00+01:00\tplayed\n",
        "table.ndjson": '{"account": "a", "time": 1709280000, "verb": "played", "score": 0.5}\n',
        "holes.ndjson": lines(statement, changed(statement, "timestamp", "soon")).decode(),
        "edx.log": lines(LOG_LINE, changed(LOG_LINE, "time", "soon")).decode(),
        "logstore.ndjson": lines(LOGSTORE_ROW).decode(),
        "logstore.csv": _csv(LOGSTORE_ROW),
        "export.csv": _csv(EXPORT_ROW),
    }
    for name, text in written.items():
        (folder / name).write_text(text)
        ways[name] = str(folder / name)
    return ways


def _csv(row: Mapping[str, Any]) -> str:
    cells = ("" if value is None else f'"{value}"' for value in row.values())
    return f"{','.join(row)}\n{','.join(cells)}\n"


def _events(log: str) -> list[dict[str, str]]:
    with Path(log).open(newline="") as file:
        return list(itertools.islice(csv.DictReader(file), 5))


def _pairs(log: str) -> str:
    """Write the first learners of a log as pairs that are one learner each; return the file."""
    accounts = [f"{event['issuer']},{event['account']}" for event in _events(log)]
    pairs = {f"{a},{b}\n" for a, b in itertools.pairwise(accounts) if a != b}
    file = Path(log).with_name("pairs.csv")
    file.write_text("issuer,account,other_issuer,other_account\n" + "".join(sorted(pairs)))
    return str(file)


@pytest.mark.slow
def test_a_directory_is_asked_without_numba(warm, tmp_path):
    log, data = str(tmp_path / "log.parquet"), str(tmp_path / "data")
    sizes = ("--events", "3000", "--learners", "200")
    run(warm, ("generate", log, *sizes), ("load", data, log))

    def asked() -> list[str]:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(warm)}
        command = [sys.executable, "-c", ASKED, data]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    kept = asked()
    [file] = warm.glob("*.kept")
    aside = file.rename(file.with_suffix(".aside"))
    by_numba = asked()
    aside.rename(file)
    assert kept == [by_numba[0], "False"]
    assert by_numba[1] == "True"


@pytest.mark.slow
def test_nothing_is_left_to_compile(warm, tmp_path):
    ways = in_ways(tmp_path)
    (warm.parent / "cohorts.toml").write_text(COHORTS)
    place, main_files = str(tmp_path / "data"), list(ways.values())[:4]
    void = ("--json", os.devnull)
    asked = [("query", *q[:1], ways["events.csv"], *q[1:], *void) for q in QUESTIONS]
    parquet = [ways["events.parquet"], ways["many.parquet"]]
    generated = [str(tmp_path / f"more.{ending}") for ending in ("csv", "ndjson", "parquet")]
    steps = {
        "generate": [("generate", path, "--learners", "90", "--seed", "5") for path in generated],
        "questions of files": asked,
        **{
            f"read {name}": [("query", "retention", path, *void), ("query", "active", path, *void)]
            for name, path in ways.items()
        },
        "analyze": [("analyze", *main_files, "--html", str(tmp_path / "page.html"))],
        "load": [("load", place, main_files[0]), ("load", place, *main_files[1:])],
        "questions of a directory": [
            ("query", *q[:1], "--data", place, *q[1:], *void) for q in QUESTIONS
        ],
        "corrections": [
            ("identities", place, "--merge", _pairs(ways["events.csv"])),
            ("void", place, "nowhere", *(event["id"] for event in _events(ways["events.csv"]))),
            *(("query", *q[:1], "--data", place, *q[1:], *void) for q in QUESTIONS),
            ("identities", place, "--unmerge", _pairs(ways["events.csv"])),
            ("load", place, main_files[0]),
        ],
        "scan": [
            ("query", *q[:1], "--scan", path, *q[1:], *void) for q in SCANNED for path in parquet
        ],
        "names and rejects": [
            ("query", "active", *ways.values(), "--names", str(tmp_path / "names.csv"), *void)
        ],
    }
    left = {}
    for step, commands in steps.items():
        before = kernels(warm)
        run(warm, *commands)
        left[step] = sorted(kernels(warm) - before)
    assert not any(left.values()), {step: files for step, files in left.items() if files}
