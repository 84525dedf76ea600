"""The settings: one TOML file, every key typed, described, defaulted and checked.

Each concern has its section in a file of its own; `Settings` holds them all. A section more is a
file here and a line in `settings.py`.
"""

from edge.config.broker import Broker
from edge.config.cameras import DEFAULT_NAME, Camera
from edge.config.classifier import Classifier
from edge.config.commands import Commands
from edge.config.detector import KINDS, Detector
from edge.config.device import Device
from edge.config.health import Health
from edge.config.home_assistant import HomeAssistant
from edge.config.outbox import Outbox
from edge.config.people import Decision, Label, Tracking
from edge.config.section import NUMBER_AS_TEXT, HomePath, Name, Seconds, Section
from edge.config.settings import Settings
from edge.config.snapshot import Snapshot
from edge.config.trust import Trust
from edge.config.updates import Updates
from edge.config.view import View

__all__ = [
    "DEFAULT_NAME",
    "KINDS",
    "NUMBER_AS_TEXT",
    "Broker",
    "Camera",
    "Classifier",
    "Commands",
    "Decision",
    "Detector",
    "Device",
    "Health",
    "HomeAssistant",
    "HomePath",
    "Label",
    "Name",
    "Outbox",
    "Seconds",
    "Section",
    "Settings",
    "Snapshot",
    "Tracking",
    "Trust",
    "Updates",
    "View",
]
