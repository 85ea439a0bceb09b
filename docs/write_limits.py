"""Writes docs/reference/limits.md from limits.py, so that a bound and its page cannot disagree.

`make limits` runs it after a bound has changed; a test fails while the page is old.
"""

import ast
from itertools import pairwise
from pathlib import Path

from homeroom import limits

PAGE = Path(__file__).parent / "reference" / "limits.md"
HEAD = """# Limits

Everything has a bound. One that is met ends in a counted reject, a note or a clear error, never in a crash or a
silent cut. They all stand in `src/homeroom/limits.py`, from which this page is made (`make limits`).
"""


def page() -> str:
    """Return the page: a section for each section of limits.py, a row for each bound."""
    path = Path(limits.__file__)
    lines = path.read_text(encoding="utf-8").splitlines()
    sections = [
        (i, line.strip("# -")) for i, line in enumerate(lines, 1) if line.startswith("# ---")
    ]
    out = [HEAD]
    for node, after in pairwise(ast.parse("\n".join(lines)).body):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        while sections and sections[0][0] < node.lineno:
            out.append(
                f"\n## {sections.pop(0)[1].capitalize()}\n\n| bound | value | what it protects |"
            )
            out.append("| --- | --- | --- |")
        assert isinstance(after, ast.Expr), f"limits.{node.target.id} has no docstring below it"
        reason = " ".join(str(ast.literal_eval(after.value)).split())
        reason = reason.replace("``", "`").replace("|", "\\|")
        value = getattr(limits, node.target.id)
        written = str(value) if isinstance(value, str) else f"{value:,}"
        out.append(f"| `{node.target.id}` | {written} | {reason} |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
