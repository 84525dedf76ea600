"""The settings: one TOML file, every key typed, described, defaulted and checked.

Each concern has its section in a file of its own; `Settings` holds them all. A section more is a
file here and a line in `settings.py`.
"""

from edge.config.broker import Broker
from edge.config.cameras import DEFAULT_NAME, Camera
from edge.config.classifier import Classifier
from edge.config.detector import KINDS, Detector
from edge.config.device import Device
from edge.config.outbox import Outbox
from edge.config.people import Decision, Label, Tracking
from edge.config.section import NUMBER_AS_TEXT, HomePath, Name, Seconds, Section
from edge.config.settings import Settings
from edge.config.trust import Trust

__all__ = [
    "DEFAULT_NAME",
    "KINDS",
    "NUMBER_AS_TEXT",
    "Broker",
    "Camera",
    "Classifier",
    "Decision",
    "Detector",
    "Device",
    "HomePath",
    "Label",
    "Name",
    "Outbox",
    "Seconds",
    "Section",
    "Settings",
    "Tracking",
    "Trust",
]
