"""What was lost: alerts that the outbox could not keep, and what the subscriber is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from edge.alerting.alerts import Alert, rfc3339
from edge.clock import ClockTrust
from edge.config import Device

DROPPED_TYPE = "org.maskgate.alerts.dropped"
"""CloudEvents type of the event that tells of a loss."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Alerts that were lost and that the subscriber was not told of yet."""

    count: int
    total: int
    """Alerts lost on this device so far, these included."""
    oldest: float | None = None
    """Seconds since the Unix epoch when the first of them was decided; None where unknown."""
    newest: float | None = None
    """The same of the last."""
    clock: ClockTrust = "trusted"
    """Whether both times can be trusted."""
    id: UUID = field(default_factory=uuid4)
    """Names the event that tells of it."""
    sealed: bool = False
    """Whether it may have been sent: from then on it stays as it is."""

    def plus(self, alerts: Sequence[Alert | None]) -> "Loss":
        """This loss and some more; None for an alert of which nothing is known any more."""
        known = [alert for alert in alerts if alert is not None]
        times = [alert.decided for alert in known]
        times += [moment for moment in (self.oldest, self.newest) if moment is not None]
        trusted = self.clock == "trusted" and all(alert.clock == "trusted" for alert in known)
        return replace(
            self,
            count=self.count + len(alerts),
            total=self.total + len(alerts),
            oldest=min(times, default=None),
            newest=max(times, default=None),
            clock="trusted" if trusted else "untrusted",
        )


@dataclass(frozen=True, slots=True)
class Losses:
    """All alerts lost so far, and which of them the subscriber must still be told of."""

    total: int = 0
    untold: tuple[Loss, ...] = ()
    """In the order of their telling; the last one grows until it is sent."""

    def plus(self, alerts: Sequence[Alert | None]) -> "Losses":
        """These losses and some more, the oldest first; None for one that cannot be read."""
        if not alerts:
            return self
        if self.untold and not self.untold[-1].sealed:
            *before, last = self.untold
        else:
            before, last = [*self.untold], Loss(count=0, total=self.total)
        return Losses(self.total + len(alerts), (*before, last.plus(alerts)))

    def and_then(self, later: "Losses") -> "Losses":
        """These losses and those counted apart from them since."""
        moved = [
            loss if loss.sealed else replace(loss, total=loss.total + self.total)
            for loss in later.untold
        ]
        return Losses(self.total + later.total, (*self.untold, *moved))

    def offered(self) -> "Losses":
        """The same once the first of the untold is about to be sent."""
        first = [replace(loss, sealed=True) for loss in self.untold[:1]]
        return replace(self, untold=(*first, *self.untold[1:]))

    def told(self, loss: Loss) -> "Losses":
        """What is left when the subscriber knows of one."""
        return replace(self, untold=tuple(each for each in self.untold if each.id != loss.id))


def to_dropped_event(loss: Loss, device: Device) -> dict[str, Any]:
    """A loss as a CloudEvents 1.0 event in structured JSON form (schemas/dropped.schema.json).

    It is the same however often it is sent.

    Args:
        loss: what to tell.
        device: who lost it.
    """
    data: dict[str, Any] = {
        "device": device.id,
        "site": device.site,
        "count": loss.count,
        "total": loss.total,
    }
    if loss.oldest is not None and loss.newest is not None:
        data |= {
            "oldest": rfc3339(loss.oldest),
            "newest": rfc3339(loss.newest),
            "clock": loss.clock,
        }
    return {
        "specversion": "1.0",
        "id": f"{loss.id}.dropped",
        "source": f"/maskgate/{device.site}/{device.id}",
        "type": DROPPED_TYPE,
        "datacontenttype": "application/json",
        "data": data,
    }
