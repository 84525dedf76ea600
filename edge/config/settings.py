"""All settings of a device."""

from pydantic import BaseModel, ConfigDict

from edge.config.broker import Broker
from edge.config.cameras import DEFAULT_NAME, Camera, Cameras
from edge.config.classifier import Classifier
from edge.config.detector import Detector
from edge.config.device import Device
from edge.config.outbox import Outbox
from edge.config.people import Decision, Tracking
from edge.config.trust import Trust


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
    trust: Trust = Trust()
