"""All settings of a device."""

from pydantic import BaseModel, ConfigDict, model_validator

from edge.config.broker import Broker
from edge.config.cameras import DEFAULT_NAME, Camera, Cameras
from edge.config.classifier import Classifier
from edge.config.commands import Commands
from edge.config.detector import Detector
from edge.config.device import Device
from edge.config.health import Health
from edge.config.home_assistant import HomeAssistant
from edge.config.outbox import Outbox
from edge.config.people import Decision, Tracking
from edge.config.snapshot import Snapshot
from edge.config.trust import Trust
from edge.config.updates import Updates
from edge.config.view import View


class Settings(BaseModel):
    """All settings of a device."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Device = Device()
    cameras: Cameras = {DEFAULT_NAME: Camera()}
    broker: Broker = Broker()
    detector: Detector = Detector()
    classifier: Classifier = Classifier()
    tracking: Tracking = Tracking()
    decision: Decision = Decision()
    outbox: Outbox = Outbox()
    health: Health = Health()
    commands: Commands = Commands()
    home_assistant: HomeAssistant = HomeAssistant()
    snapshot: Snapshot = Snapshot()
    trust: Trust = Trust()
    updates: Updates = Updates()
    view: View = View()

    @model_validator(mode="after")
    def _faces_that_count_are_looked_for(self) -> "Settings":
        for name, camera in self.cameras.items():
            if camera.min_face is not None and camera.min_face < self.detector.min_face:
                raise ValueError(
                    f"cameras.{name}.min_face: {camera.min_face:g} is less than detector.min_face, "
                    f"{self.detector.min_face:g}, so no such face is looked for; lower that one"
                )
        return self
