"""The repository's own files, for the tests that hold its rules: which there are, their text and their syntax tree."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "homeroom"


@cache
def files() -> tuple[Path, ...]:
    """All files that are or would be tracked; without git, all files outside hidden and built folders."""
    git = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if git.returncode == 0:
        found = [ROOT / name for name in git.stdout.split("\0") if name]
    else:
        hidden = {".venv", "build", "__pycache__", "_build"}
        found = [p for p in ROOT.rglob("*") if not hidden & set(p.relative_to(ROOT).parts)]
    return tuple(sorted(p for p in found if p.is_file() and not p.is_symlink()))


@cache
def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path), str(path))


def python_files(*folders: str) -> list[Path]:
    inside = tuple(ROOT / folder for folder in folders)
    return [p for p in files() if p.suffix == ".py" and any(p.is_relative_to(f) for f in inside)]


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def none(offences: list[str], remedy: str) -> None:
    """Fail with all offences at once, and what to do about them."""
    assert not offences, f"{remedy}:\n  " + "\n  ".join(offences)


def at(path: Path, line: int, what: str) -> str:
    return f"{path.relative_to(ROOT)}:{line}: {what}"
