"""The command line as a whole: what it imports, what it answers to mistakes, and how it ends."""

import json
import signal
import subprocess
import sys

import click
import pytest

from homeroom.cli import COMMANDS, main, root, status
from homeroom.errors import SourceError

HEAVY = ("numpy", "numba", "pyarrow", "rich", "msgspec", "duckdb", "jinja2")


def homeroom(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "homeroom", *arguments], capture_output=True, text=True, timeout=60,
                          check=False, **options)  # fmt: skip


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from homeroom.cli import main; main(['--help']); "
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stderr.strip() == "[]"
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_python_m_homeroom_is_the_same_as_homeroom():
    done = homeroom("--help")

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: homeroom [OPTIONS] COMMAND")


def test_the_version_is_shown(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("homeroom 0.")


def test_every_command_of_the_table_is_there():
    context = click.Context(root)

    assert all(isinstance(root.get_command(context, name), click.Command) for name in COMMANDS)
    assert root.get_command(context, "nothing") is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["anlyze"], "No such command 'anlyze'"),
        (
            ["query", "retention"],
            "nothing to read; name files, directories, globs, or - for standard input",
        ),
        (["analyze"], "nothing to read"),
        (
            ["query", "retention", "x", "--interval", "dy"],
            "'dy' is not one of 'hour', 'day', 'week', 'month'",
        ),
        (["query", "retention", "x", "--intervall", "day"], "--interval"),
        (["query", "retention", "x", "--timezone", "Europe/Berln"], "did you mean Europe/Berlin"),
        (
            ["query", "retention", "x", "--from", "2024-13-01"],
            "--from is '2024-13-01', which is no date",
        ),
        (
            ["query", "retention", "x", "--from", "2024-02-01", "--to", "2024-01-01"],
            "exchange them",
        ),
        (["query", "retention", "x", "--filter", "verb"], "has no operator"),
        (["query", "retention", "x", "--brackets", "7-2"], "brackets"),
        (["query", "retention", "x", "--align", "enrolment", "--mode", "recurring"], "course time"),
        (
            ["query", "retention", "x", "--data", "d"],
            "--data asks what was loaded and reads nothing, so PATH",
        ),
        (["query", "retention", "--data", "d", "--mapping", "oulad"], "so --mapping has no place"),
        (["query", "retention", "--data", "d", "--strict"], "so --strict has no place"),
        (["query", "retention", "x", "--json", "-", "--csv", "-"], "both want standard output"),
        (["query", "all", "x"], "--question FILE"),
        (["query", "retention", "x", "--json", ""], "--json is empty"),
        (["analyze", ""], "a PATH is empty"),
        (["load", "", "x"], "DIRECTORY is empty"),
        (["query", "retention", "x", "--parquet", "-"], "--parquet cannot go to standard output"),
        (["query", "retention", __file__, "--csv", __file__], "--csv would write over"),
        (["query", "retention", __file__, "--codec", "xpai"], "must be one of xapi, openedx"),
        (["query", "retention", "x", "--as-of", "2024-01-01"], "such as 2024-01-31T00:00:00Z"),
        (["query", "active", "x", "--mode", "recurring"], "No such option"),
        (["analyze", "x", "--timezone", "Nowhere"], "no IANA time zone"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(arguments, said, capsys):
    assert main(arguments) == status.FAILED

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("homeroom: ")
    assert shown.err.count("\n") == 1
    assert said in shown.err


def test_no_command_at_all_shows_the_help(capsys):
    assert main([]) == status.FAILED
    assert "Commands:" in capsys.readouterr().err


class Fails:
    """A command that ends as it is told."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SourceError("log.gz cannot be read:\n  it is a door; name a file"), 2,
         "homeroom: log.gz cannot be read: it is a door; name a file\n"),
        (SourceError("no \x1b[31mcolour"), 2, "homeroom: no \ufffd[31mcolour\n"),
        (PermissionError(13, "Permission denied", "key"), 2, "homeroom: key: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "homeroom: No space left on device\n"),
        (KeyboardInterrupt(), 130, "homeroom: interrupted\n"),
    ],
)  # fmt: skip
def test_what_the_world_gets_wrong_is_no_traceback(error, code, said, capsys, monkeypatch):
    monkeypatch.setattr(
        type(root), "get_command", lambda *_: click.Command("fail", callback=Fails(error))
    )

    assert main(["fail"]) == code
    assert capsys.readouterr().err.lstrip("\n") == said


def test_our_own_mistakes_show_a_traceback(monkeypatch):
    monkeypatch.setattr(
        type(root),
        "get_command",
        lambda *_: click.Command("fail", callback=Fails(ZeroDivisionError())),
    )

    with pytest.raises(ZeroDivisionError):
        main(["fail"])


def test_a_closed_pipe_is_quiet():
    script = (
        "import sys, click\n"
        "from homeroom.cli import LazyGroup, main\n"
        "def talk():\n"
        "    for line in range(100_000): print(line)\n"
        "LazyGroup.get_command = lambda *_: click.Command('talk', callback=talk)\n"
        "sys.exit(main(['talk']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == status.PIPE_CLOSED


def test_ctrl_c_ends_with_130():
    script = (
        "import sys, click, signal\n"
        "from homeroom.cli import LazyGroup, main\n"
        "def wait():\n"
        "    print('ready', flush=True)\n"
        "    signal.pause()\n"
        "LazyGroup.get_command = lambda *_: click.Command('wait', callback=wait)\n"
        "sys.exit(main(['wait']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert b"interrupted" in process.stderr.read()
    assert process.returncode == status.INTERRUPTED


@pytest.mark.parametrize(
    "closed",
    [
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("<&-", ">&-", "2>&-")),
        "<&- >&- 2>&-",
    ],
)
def test_a_stream_that_was_closed_from_the_start_is_no_error(closed, tmp_path):
    log, answer = tmp_path / "log.csv", tmp_path / "answer.json"
    log.write_text("account,time,verb\njane,2024-03-01T10:00:00Z,played\n")
    words = f"{sys.executable} -m homeroom query active {log} --key {tmp_path}/key --json {answer} {closed}"
    assert subprocess.run(["sh", "-c", words], cwd=tmp_path, check=False).returncode == 0
    assert json.loads(answer.read_text())["source"]["events_read"] == 1


def test_standard_input_that_was_closed_cannot_be_read(tmp_path):
    words = f"{sys.executable} -m homeroom query active - --key {tmp_path}/key <&-"
    ended = subprocess.run(["sh", "-c", words], cwd=tmp_path, check=False, capture_output=True)
    assert ended.returncode in (0, 2)
    assert b"Traceback" not in ended.stderr
