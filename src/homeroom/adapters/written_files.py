"""Files that people write: questions and definitions of cohorts, in TOML or JSON."""

import json
import tomllib
from pathlib import Path
from typing import Any

from homeroom.errors import QuestionError
from homeroom.limits import WRITTEN_FILE_BYTES_MAX

__all__ = ["read_written"]


def read_written(path: Path) -> Any:  # noqa: ANN401 - whatever the file says
    """Return what a TOML file says, or a JSON file if its name ends in ``.json``. Raises `QuestionError`."""
    try:
        with path.open("rb") as file:
            content = file.read(WRITTEN_FILE_BYTES_MAX + 1)
        if len(content) > WRITTEN_FILE_BYTES_MAX:
            raise QuestionError(
                f"{path} is larger than {WRITTEN_FILE_BYTES_MAX:,} bytes; keep long lists of learners in files of "
                f"their own"
            )
        text = content.decode("utf-8-sig")
        return json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise QuestionError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise QuestionError(f"{path} is neither TOML nor JSON that makes sense: {error}") from None
