"""The documentation tells the truth: its examples run, its links lead somewhere, its lists are whole.

An example is run when the line before its fence is the comment ``<!-- run -->``:

- ``pycon``: doctest; what is shown after ``>>>`` must come out (``...`` stands for anything).
- ``python``: must run without an error. ``pycon`` and ``python`` blocks of one page share their names, in order.
- ``console``: lines after ``$`` are commands for bash, the lines below them what standard output and standard error
  must show. ``…`` stands for anything within a line, a line that is only ``…`` for any number of lines. A command
  whose output is not shown must succeed.
- ``csv``, ``json``, ``toml`` and so on with ``<!-- run: save NAME -->``: written to that file, for later examples.

``<!-- run: needs NAME -->`` skips the page, visibly, where ../shared/data has no such file; ``<!-- run: slow -->``
runs the page only with the slow tests. How-to pages take a fifth of the time of all other tests, so ``make docs`` runs
them and not ``make test``. A page runs in an empty folder, which has ../shared beside it as the repository has, with
``homeroom`` on the path.
"""

import contextlib
import doctest
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from docs import offline, write_limits
from homeroom.events import model
from tests import command_lines

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    {*ROOT.glob("*.md"), *(p for p in ROOT.glob("docs/**/*.md") if "_build" not in p.parts)}
)
SECONDS_MAX = 120
RUN = re.compile(r"<!--\s*run(?::\s*(?P<how>save|needs|slow)\s*(?P<name>\S*?))?\s*-->")


@dataclass(frozen=True)
class Example:
    """One fence that is to be run."""

    language: str
    text: str
    line: int
    how: str
    name: str


@cache
def tokens_of(page: Path) -> tuple:
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")))


@cache
def examples_of(page: Path) -> tuple[Example, ...]:
    found = []
    tokens = tokens_of(page)
    for token, after in pairwise(tokens):
        mark = RUN.search(token.content) if token.type == "html_block" else None
        if mark:
            assert after.type == "fence", f"{page.name}: {mark.group()} has no fence below it"
            language = after.info.strip()
            found.append(
                Example(
                    language, after.content, after.map[0] + 1, mark["how"] or "", mark["name"] or ""
                )
            )
    return tuple(found)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def pages_with_examples() -> Iterator[object]:
    for page in PAGES:
        if examples := examples_of(page):
            marks = [pytest.mark.slow] if any(one.how == "slow" for one in examples) else []
            if page.parent.name == "how-to":
                marks.append(pytest.mark.pages)
            yield pytest.param(page, id=name_of(page), marks=marks)


@pytest.mark.parametrize("page", list(pages_with_examples()))
def test_examples_of_a_page_run_as_shown(page, tmp_path, shared_data):
    examples = examples_of(page)
    for example in examples:
        if example.how == "needs":
            shared_data(example.name)
    (tmp_path / "work").mkdir()
    if (ROOT.parent / "shared").is_dir():
        (tmp_path / "shared").symlink_to(ROOT.parent / "shared")
    names: dict[str, object] = {}
    with contextlib.chdir(tmp_path / "work"):
        for example in examples:
            run(example, f"{name_of(page)}:{example.line}", names)


def run(example: Example, where: str, names: dict[str, object]) -> None:
    if example.how == "save":
        Path(example.name).write_text(example.text, encoding="utf-8")
    elif example.language == "pycon":
        run_session(example, where, names)
    elif example.language == "python":
        exec(compile(example.text, where, "exec"), names)
    elif example.language == "console":
        run_commands(example, where)
    else:
        pytest.fail(
            f"{where}: cannot run {example.language!r}: pycon, python, console, or run: save NAME"
        )


def run_session(example: Example, where: str, names: dict[str, object]) -> None:
    test = doctest.DocTestParser().get_doctest(example.text, names, where, where, example.line)
    test.globs = names
    said: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=flags).run(test, out=said.append, clear_globs=False)
    assert not said, "".join(said)


def run_commands(example: Example, where: str) -> None:
    shown = re.split(r"^\$ ", example.text, flags=re.MULTILINE)
    assert not shown[0].strip(), f"{where}: a console example begins with $"
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("HOMEROOM_", "PYTEST_"))
    }
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(Path.cwd().parent),
        "XDG_CONFIG_HOME": str(Path.cwd().parent / "config"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }
    for part in shown[1:]:
        command, expected = split_command(part)
        said, status = said_by(command, environment)
        difference = (
            f"{where}: $ {command}\n--- shown in the page\n{expected}\n--- what came out "
            f"(exit status {status})\n{said}"
        )
        assert matches(expected, said), difference
        if expected.strip() in ("", "…"):  # nothing is shown that would betray a failure
            assert status == 0, difference


def said_by(command: str, environment: dict[str, str]) -> tuple[str, int]:
    """Run a command; return what it says and its exit status."""
    words = command_lines.homeroom_words(command)
    if words is not None:
        return command_lines.run(words, environment, SECONDS_MAX)
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return done.stdout, done.returncode


def split_command(part: str) -> tuple[str, str]:
    """Split what follows ``$`` into the command, with its continued lines, and what it should print."""
    lines = part.splitlines()
    count = 1
    while count < len(lines) and lines[count - 1].endswith("\\"):
        count += 1
    return "\n".join(lines[:count]), "\n".join(lines[count:])


def matches(expected: str, actual: str) -> bool:
    """Compare line by line, blanks at line ends aside, with … standing for what may differ."""
    pattern = ""
    for line in expected.strip("\n").splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += (
                ".*?".join(re.escape(piece) for piece in line.rstrip().split("…")) + r"[ ]*\n"
            )
    return re.fullmatch(pattern + r"\s*", actual.strip("\n") + "\n") is not None


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nc\n", False),
        ("a\n", "a\nb\n", False),
        ("read … s", "read 0.3 s", True),
        ("a\n…\nd", "a\nb\nc\nd", True),
        ("a\n…\nd", "a\nb\nc", False),
        ("", "surprise", False),
    ],
)
def test_shown_output_is_compared(expected, actual, same):
    assert matches(expected, actual) is same


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("homeroom query retention visits.csv", ["query", "retention", "visits.csv"]),
        (
            "homeroom load --as 'a b' \
  data",
            ["load", "--as", "a b", "data"],
        ),
        ("homeroom keys list > keys", None),
        ("homeroom query retention *.csv", None),
        ('homeroom query retention "$HOME/a"', None),
        ("umask 077; homeroom keys list", None),
        ("ls", None),
    ],
)
def test_a_command_that_needs_no_shell_is_known(command, words):
    assert command_lines.homeroom_words(command) == words


# --- docstrings --------------------------------------------------------------------------------------------------


def test_examples_in_docstrings_run_as_shown():
    source = ROOT / "src"
    for path in sorted(source.glob("homeroom/**/*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            name = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(
                ".__init__"
            )
            failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
            assert not failed, name


# --- links -------------------------------------------------------------------------------------------------------


def links_of(page: Path) -> list[str]:
    return [
        str(child.attrs.get("href") or child.attrs.get("src"))
        for token in tokens_of(page)
        for child in token.children or []
        if child.type in ("link_open", "image")
    ]


@cache
def headings_of(page: Path) -> frozenset[str]:
    tokens = tokens_of(page)
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return frozenset(re.sub(r"[^\w\- ]", "", t.lower()).strip().replace(" ", "-") for t in titles)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    lost = []
    for link in links_of(page):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, heading = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (
            heading and target.suffix == ".md" and heading not in headings_of(target)
        ):
            lost.append(link)
    assert not lost, f"{name_of(page)} links to what is not there: {', '.join(lost)}"


# --- the built pages ---------------------------------------------------------------------------------------------

FETCHES = (
    '<script src="https://cdn.example.org/a.js">',
    '<link rel="stylesheet" href="//cdn.example.org/a.css">',
    '<img alt="" src="http://example.org/a.png">',
    "@import url(https://example.org/font.css)",
    "src: url(//example.org/a.woff2)",
)
KEEPS = (
    '<a href="https://example.org/">a link to follow</a>',
    '<script src="_static/a.js">',
    '<link rel="stylesheet" href="_static/a.css">',
    '<svg xmlns="http://www.w3.org/2000/svg">',
)


@pytest.mark.parametrize("text", [*FETCHES, *KEEPS])
def test_what_a_page_would_fetch_from_elsewhere_is_found(text, tmp_path):
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    assert bool(list(offline.fetched_from_elsewhere(tmp_path))) is (text in FETCHES)


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason="needs the documentation's requirements: make docs")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs"]
    done = subprocess.run(
        [*build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- lists that must be whole ------------------------------------------------------------------------------------


def said_in(page: str) -> str:
    return (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [model.RawEvents, model.EventBatch, model.Reject])
def test_every_field_of_an_event_is_documented(kind):
    page = said_in("event-model.md")
    missing = [field.name for field in fields(kind) if f"`{field.name}`" not in page]
    assert not missing, f"docs/reference/event-model.md lacks {kind.__name__}: {', '.join(missing)}"


def test_every_track_and_reason_is_documented():
    page = said_in("event-model.md")
    missing = [name for name in (*model.TRACKS, *model.Reason) if f"| `{name}` |" not in page]
    assert not missing, f"docs/reference/event-model.md has no row for: {', '.join(missing)}"


def test_every_bound_is_documented_with_its_value():
    assert write_limits.page() == said_in("limits.md"), (
        "the page is older than limits.py: make limits"
    )
