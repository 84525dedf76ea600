"""Moments as messages write them."""

from datetime import datetime, timezone


def rfc3339(moment: float) -> str:
    """A moment as RFC 3339 has it, in UTC with milliseconds, e.g. "2026-11-28T14:44:05.123Z".

    Args:
        moment: seconds since the Unix epoch, in 0..253402300800, the years 1970 to 9999.
    """
    return (
        datetime.fromtimestamp(moment, timezone.utc)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
