"""What was found, in one sentence, and the rule that found it."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence that was computed.

    ``about`` names the kind of answer, or its part; ``rule`` says how it was found.
    """

    about: str
    text: str
    rule: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"about": self.about, "text": self.text, "rule": self.rule}
