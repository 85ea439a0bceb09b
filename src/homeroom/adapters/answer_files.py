"""Answers that were kept in files, to be compared with later ones."""

import json
from pathlib import Path
from typing import Any

from homeroom.errors import QuestionError
from homeroom.limits import ANSWER_FILE_BYTES_MAX

__all__ = ["read_answer"]


def read_answer(path: Path) -> dict[str, Any]:
    """Return what a file of JSON holds, one object. Raises `QuestionError`."""
    try:
        with path.open("rb") as file:
            content = file.read(ANSWER_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise QuestionError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > ANSWER_FILE_BYTES_MAX:
        raise QuestionError(f"{path} is larger than {ANSWER_FILE_BYTES_MAX:,} bytes; no answer is")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise QuestionError(f"{path} holds no answer; homeroom query --json FILE writes one")
    return found
