"""The repository's own rules for its source, as ordinary tests.

A rule that only a reviewer knows is broken by the first tired evening. Each test here is one rule of the house, its
failure names the file and the line, and says what to do. Style that ruff, mypy or import-linter can see is theirs;
import contracts are run here as well, because a broken one is a broken design and not a matter of style.
"""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeroom import limits
from tests.tree import (
    ROOT,
    SOURCE,
    at,
    files,
    functions,
    module_name,
    none,
    python_files,
    text_of,
    tree_of,
)

LINES_MAX = 600
LINES_AIM = 400
FUNCTION_LINES_MAX = 70
PROSE_MIN = 60
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc", "types", "tools", "base", "core"}
WHOLE_TESTS = {"tidy", "docs", "package", "benchmarks", "frame", "laws", "demo", "deploy", "alerts"}


# --- size and names ----------------------------------------------------------------------------------------------


def test_a_file_fits_in_a_head():
    lengths = {
        p: text_of(p).count("\n")
        for p in python_files("src", "tests", "benchmarks", "demos", "docs")
        if p != SOURCE / "limits.py"  # a list, in one place by design, and read by looking up
    }
    none(
        [at(p, n, f"{n} lines") for p, n in lengths.items() if n > LINES_MAX],
        f"a file has one subject and at most {LINES_MAX} lines; split it by subject",
    )
    long = [at(p, n, f"{n} lines") for p, n in lengths.items() if n > LINES_AIM]
    if len(long) > max(3, len(lengths) // 10):
        none(
            long, f"files aim at {LINES_AIM} lines, and more than one in ten is longer; split some"
        )


def test_a_function_has_one_job():
    offences = []
    for path in python_files("src", "tests", "benchmarks", "demos"):
        for function in functions(path):
            first = function.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            prose = (first.end_lineno - first.lineno + 1) if documented else 0
            length = function.end_lineno - function.lineno + 1 - prose
            if length > FUNCTION_LINES_MAX:
                offences.append(at(path, function.lineno, f"{function.name} has {length} lines"))
    none(
        offences,
        f"a function has at most {FUNCTION_LINES_MAX} lines, its docstring not counted; take its jobs apart",
    )


def test_no_drawer_that_anything_fits_in():
    named = [
        p
        for p in python_files("src", "tests", "benchmarks", "demos")
        if DRAWERS
        & {part.removeprefix("test_").removesuffix(".py") for part in p.relative_to(ROOT).parts}
    ]
    none(
        [at(p, 1, "says nothing of what is in it") for p in named],
        "name a module after its subject",
    )


# --- rooms and their doors ---------------------------------------------------------------------------------------


def test_every_room_says_what_it_is_for():
    offences = []
    said = {
        "comes in": r"\bcomes? in\b|\bin comes?\b",
        "goes out": r"\b(?:goes|go) out\b|\bout (?:goes|go)\b",
        "must never happen": r"\b(?:never|no|nothing|not)\b",
    }
    for path in (p for p in python_files("src") if p.name == "__init__.py"):
        words = (ast.get_docstring(tree_of(path)) or "").lower()
        if len(words) < PROSE_MIN:
            offences.append(at(path, 1, "does not say what it is for"))
        elif path.parent.parent == SOURCE:
            offences += [
                at(path, 1, f"does not say what {n}")
                for n, mark in said.items()
                if not re.search(mark, words)
            ]
    none(
        offences,
        "a room's __init__.py says what it is for, what comes in, what goes out, what must never happen",
    )


@pytest.mark.parametrize("room", ["log", "records", "hooks", "node", "running", "serve", "client"])
def test_every_module_through_which_a_node_is_reached_stands_on_the_map(room):
    told = (ROOT / "ARCHITECTURE.md").read_text()
    missing = [
        str(file.relative_to(SOURCE))
        for file in sorted((SOURCE / room).rglob("*.py"))
        if file.name != "__init__.py" and not re.search(rf"(?<![a-z_]){file.stem}\.py", told)
    ]
    assert not missing, (
        f"{missing} stand nowhere in ARCHITECTURE.md; put each where the data passes it"
    )


def test_every_module_names_what_it_offers():
    offences = []
    for path in python_files("src"):
        if path.name == "__main__.py" or path == SOURCE / "limits.py":
            continue
        offered = exported(path)
        public = {
            n.name
            for n in tree_of(path).body
            if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")
        }
        if offered is None:
            if public:
                offences.append(
                    at(path, 1, f"has no __all__, and public {', '.join(sorted(public))}")
                )
            continue
        if offered != sorted(offered, key=export_order):
            offences.append(at(path, 1, "__all__ is not sorted (constants, classes, functions)"))
        try:
            module = importlib.import_module(module_name(path))
        except ImportError as error:
            offences.append(at(path, 1, f"cannot be imported: {error}"))
            continue
        gone = [name for name in offered if not hasattr(module, name)]
        offences += [at(path, 1, f"__all__ names {name}, which is not there") for name in gone]
    none(offences, "__all__ lists what others may use, in order, and nothing else")


def exported(path: Path) -> list[str] | None:
    if not path.exists():
        return None
    for node in tree_of(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            return list(ast.literal_eval(node.value))
    return None


def export_order(name: str) -> tuple[int, tuple[tuple[int, int | str], ...]]:
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    runs = re.findall(r"\d+|\D+", name)
    return kind, tuple((0, int(run)) if run.isdigit() else (1, run) for run in runs)


def test_import_contracts_hold():
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_test_module_mirrors_a_source_module():
    offences = []
    for path in python_files("tests"):
        if path.name.startswith("test_"):
            place, subject = (
                path.relative_to(ROOT / "tests").parent,
                path.stem.removeprefix("test_"),
            )
            home = ROOT / place if place.parts[:1] == ("benchmarks",) else SOURCE / place
            if not any(
                subject == s or subject.startswith(f"{s}_") for s in subjects(home, path.parent)
            ):
                offences.append(at(path, 1, f"there is no {home.relative_to(ROOT)}/{subject}.py"))
    none(
        offences,
        "tests/ROOM/test_MODULE.py or test_MODULE_ASPECT.py tests src/homeroom/ROOM/MODULE.py",
    )


def subjects(home: Path, tests: Path) -> set[str]:
    """Return what tests of a room may be named after: a module of it or beside them, an export, a page."""
    modules = {p.stem for p in home.glob("*.py")} | {p.name for p in home.glob("*/")} | {home.name}
    beside = {p.stem for p in tests.glob("*.py") if not p.name.startswith("test_")}
    pages = {p.stem for p in ROOT.glob("docs/reference/*.md")}
    return (modules | beside | pages | WHOLE_TESTS | set(exported(home / "__init__.py") or ())) - {
        "__init__"
    }


# --- what the source must not hold -------------------------------------------------------------------------------


def test_nothing_is_left_undone():
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError|NotImplemented)\b")
    none(
        [
            at(p, i, line.strip())
            for p in python_files("src", "benchmarks")
            for i, line in enumerate(text_of(p).splitlines(), 1)
            if marks.search(line) and "return NotImplemented" not in line
        ],
        "finish it, or leave it out and say so in the docs",
    )


def test_only_the_command_line_prints():
    none(
        [
            at(p, node.lineno, "print(")
            for p in python_files("src")
            if not p.is_relative_to(SOURCE / "cli")
            for node in ast.walk(tree_of(p))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ],
        "return it, or let homeroom.cli say it",
    )


def test_no_boolean_switches_behaviour():
    offences = []
    for path in python_files("src"):
        if path.is_relative_to(SOURCE / "cli"):
            continue  # a flag of the command line is a boolean, and goes no further
        for function in functions(path):
            if function.name.startswith("_"):
                continue
            for argument, default in with_defaults(function.args):
                is_flag = isinstance(default, ast.Constant) and isinstance(default.value, bool)
                if is_flag or (
                    isinstance(argument.annotation, ast.Name) and argument.annotation.id == "bool"
                ):
                    offences.append(at(path, function.lineno, f"{function.name}({argument.arg})"))
    none(offences, "write two functions, or an enum whose members say what happens")


def with_defaults(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    placed = [*arguments.posonlyargs, *arguments.args]
    yield from zip(
        placed, [None] * (len(placed) - len(arguments.defaults)) + arguments.defaults, strict=True
    )
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def test_the_product_asks_no_other_host():
    clients = {
        "requests",
        "httpx",
        "aiohttp",
        "ftplib",
        "http.client",
        "urllib.request",
        "urllib3",
        "socket",
    }
    offences = []
    # A provider's public keys lie at an address that the operator gives, what a tenant asks to be told at its own
    # address goes there, and a command asks the node of its own directory; nothing else is asked for anything. The
    # client is for programs elsewhere, and asks the node that they name; the provers ask what they have started.
    allowed = (
        "adapters/oidc.py",
        "adapters/probes.py",
        "adapters/webhooks.py",
        "provers/ports.py",
        "running/control_socket.py",
    )
    callers = {SOURCE / name for name in allowed}
    callers |= {path for room in ("client", "provers") for path in (SOURCE / room).glob("*.py")}
    for path in (p for p in python_files("src") if p not in callers):
        for node in ast.walk(tree_of(path)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += (
                [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            )
            offences += [
                at(path, node.lineno, f"imports {name}") for name in names if name in clients
            ]
    fetched = re.compile(
        r"""(?:src|href|@import|url\()\s*=?\s*["'(]?\s*(?:https?:)?//""", re.IGNORECASE
    )
    for path in files():
        if path.is_relative_to(SOURCE) and path.suffix in (".html", ".css", ".js", ".svg", ".py"):
            offences += [
                at(path, i, line.strip())
                for i, line in enumerate(text_of(path).splitlines(), 1)
                if fetched.search(line)
            ]
    none(offences, "nothing is fetched: ship it in the package")


def test_tests_never_sleep():
    none(
        [
            at(p, node.lineno, "sleep(")
            for p in python_files("tests")
            for node in ast.walk(tree_of(p))
            if isinstance(node, ast.Call)
            and (
                getattr(node.func, "attr", None) == "sleep"
                or getattr(node.func, "id", None) == "sleep"
            )
        ],
        "wait for the event itself, or drive a clock of the test's own",
    )


def test_every_bound_is_used():
    read = {
        name
        for p in python_files("src", "benchmarks")
        if p != SOURCE / "limits.py"
        for name in re.findall(r"\b[A-Z][A-Z0-9_]*\b", text_of(p))
    }
    none(
        sorted({name for name in vars(limits) if name.isupper()} - read),
        "a bound of limits.py that nothing reads protects nothing; use it or take it away",
    )


def test_every_bound_on_memory_stands_in_one_file():
    offences = []
    for path in (p for p in python_files("src") if p != SOURCE / "limits.py"):
        for node in tree_of(path).body:
            targets = (
                node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            )
            offences += [
                at(path, node.lineno, target.id)
                for target in targets
                if isinstance(target, ast.Name) and target.id.endswith("BYTES_MAX")
            ]
    none(offences, "a bound belongs in limits.py, with what it protects")
