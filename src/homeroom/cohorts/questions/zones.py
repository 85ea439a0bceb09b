"""Names of time zones, checked."""

import difflib
import zoneinfo

from homeroom.errors import QuestionError

__all__ = ["zone"]


def zone(name: str) -> zoneinfo.ZoneInfo:
    """Look an IANA time zone up; raise `QuestionError` with near names if there is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(
            name, sorted(zoneinfo.available_timezones()), n=3, cutoff=0.5
        )
        hint = f"; did you mean {' or '.join(near)}?" if near else ", such as Europe/Berlin or UTC"
        raise QuestionError(f"timezone is {name!r}, which is no IANA time zone{hint}") from None
