"""Write the hand-worked examples into ``docs/reference/worked-examples.md``: ``python -m tests.vectors``."""

from pathlib import Path

from tests.vectors.page import shown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "worked-examples.md"

if __name__ == "__main__":
    PAGE.write_text(shown(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
