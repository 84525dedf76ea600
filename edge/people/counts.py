"""How many people there were on one day, and how many of them wore a mask."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from edge.config import Device


@dataclass(frozen=True, slots=True)
class Counts:
    """The people of one day, each counted once, when they have left."""

    day: date
    """By the device's own calendar: from one local midnight to the next."""
    masked: int = 0
    """Whose verdict is no violation."""
    unmasked: int = 0
    """Whose verdict is a violation."""
    unsure: int = 0
    """Without a verdict."""

    @property
    def seen(self) -> int:
        """All of them."""
        return self.masked + self.unmasked + self.unsure

    @property
    def compliance(self) -> float | None:
        """Share of the masked in those who have a verdict, 0..1; None where nobody has one."""
        known = self.masked + self.unmasked
        return self.masked / known if known else None


def to_message(counts: Counts, device: Device, open_violations: int) -> dict[str, Any]:
    """The counts as they are published (schemas/counts.schema.json).

    Args:
        counts: of today.
        device: who tells it.
        open_violations: how many there are at this moment.
    """
    share = counts.compliance
    return {
        "site": device.site,
        "device": device.id,
        "day": counts.day.isoformat(),
        "seen": counts.seen,
        "masked": counts.masked,
        "unmasked": counts.unmasked,
        "unsure": counts.unsure,
        "compliance": None if share is None else round(share, 4),
        "open_violations": open_violations,
    }
