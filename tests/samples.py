"""Values that several tests need."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from edge.alerting.alerts import Alert
from edge.clock import Clock, ClockTrust, Reading
from edge.values import Box


@dataclass
class SetClock(Clock):
    """A clock to be set: nobody may step the clock of the machine that tests run on."""

    monotonic: float = 100.0
    wall: float = 1100.0
    trust: ClockTrust = "untrusted"
    boot: str = "this boot"

    def read(self) -> Reading:
        return Reading(self.monotonic, self.wall, self.trust)

    def set_right(self, began: float) -> None:
        """A time server answers: the monotonic clock was zero at that time."""
        self.wall, self.trust = began + self.monotonic, "trusted"


def alert(number: int, state: Literal["opened", "closed"] = "opened") -> Alert:
    """An alert whose violation's id is that number."""
    return Alert(
        violation=UUID(int=number),
        state=state,
        label="face_no_mask",
        camera="entrance",
        first_seen=1000.0 + number,
        last_seen=1001.0 + number,
        decided=1001.5 + number,
        votes=4,
        confidence=0.9,
        box=Box(0.1, 0.2, 0.3, 0.4),
        bundle="compact",
        bundle_version="1.0.0",
    )
