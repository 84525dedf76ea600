"""How the device describes itself: its entities in Home Assistant, in one message."""

from collections.abc import Collection, Sequence
from typing import Any, get_args

from edge import __version__
from edge.config import Device
from edge.config.commands import CommandName
from edge.mqtt.topics import topic
from edge.sources.state import Condition

Component = dict[str, Any]
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_COUNTED = {"state_class": "total_increasing", "unit_of_measurement": "people"}
_MEASURED = {"state_class": "measurement", **_DIAGNOSTIC}
_REQUEST = '{"id": "{{ now().timestamp() }}"}'
"""A request whose id is another one each time."""


def identity(device: Device) -> str:
    """The device's name in Home Assistant's registry."""
    return f"maskgate-{device.site}-{device.id}"


def describe(
    device: Device, cameras: Sequence[str], commands: Collection[CommandName], *, snapshots: bool
) -> dict[str, Any]:
    """The device as Home Assistant's device-based discovery has it.

    Args:
        device: the device.
        cameras: their names.
        commands: those that are obeyed.
        snapshots: whether pictures are sent.
    """
    components = _people(device) | _state(device) | _buttons(device, commands)
    for camera in cameras:
        components |= _camera(device, camera, snapshots=snapshots)
    me = identity(device)
    for name, component in components.items():
        component["unique_id"] = f"{me}-{name}"
    return {
        "device": {
            "identifiers": [me],
            "name": f"MaskGate {device.site} {device.id}",
            "manufacturer": "MaskGate",
            "model": "Entrance watch",
            "sw_version": __version__,
        },
        "origin": {"name": "MaskGate", "sw_version": __version__},
        "availability_topic": topic(device, "status"),
        "payload_available": "online",
        "payload_not_available": "offline",
        "qos": 1,
        "components": components,
    }


def _people(device: Device) -> dict[str, Component]:
    counts = {"state_topic": topic(device, "counts")}
    share = "{{ None if value_json.compliance is none else 100 * value_json.compliance }}"
    event = (
        "{{ {'event_type': value_json.data.state, 'camera': value_json.data.camera, "
        "'kind': value_json.data.kind, 'confidence': value_json.data.confidence, "
        "'violation': value_json.subject, 'late': value_json.data.late} | tojson "
        # What the topic may bring beside violations is no event here: an empty text is passed over.
        "if value_json.data.state is defined else '' }}"
    )
    counted = {
        name: {
            "platform": "sensor",
            "name": f"{name.capitalize()} today",
            "value_template": f"{{{{ value_json.{name} }}}}",
            **counts,
            **_COUNTED,
        }
        for name in ("seen", "masked", "unmasked", "unsure")
    }
    return {
        "violation": {
            "platform": "binary_sensor",
            "name": "Violation",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.open_violations else 'OFF' }}",
            **counts,
        },
        "alert": {
            "platform": "event",
            "name": "Alert",
            "event_types": ["opened", "closed"],
            "state_topic": topic(device, "alert"),
            "value_template": event,
        },
        **counted,
        "compliance": {
            "platform": "sensor",
            "name": "Compliance today",
            "unit_of_measurement": "%",
            "suggested_display_precision": 0,
            "value_template": share,
            **counts,
        },
    }


def _state(device: Device) -> dict[str, Component]:
    health = {"state_topic": topic(device, "health")}
    return {
        "rate": {
            "platform": "sensor",
            "name": "Frames",
            "unit_of_measurement": "fps",
            "value_template": "{{ value_json.frames_per_second }}",
            **health,
            **_MEASURED,
        },
        "temperature": {
            "platform": "sensor",
            "name": "Temperature",
            "device_class": "temperature",
            "unit_of_measurement": "°C",
            "value_template": "{{ value_json.temperature_c }}",
            **health,
            **_MEASURED,
        },
        "waiting": {
            "platform": "sensor",
            "name": "Alerts waiting",
            "value_template": "{{ value_json.outbox.waiting }}",
            **health,
            **_MEASURED,
        },
        "throttled": {
            "platform": "binary_sensor",
            "name": "Throttled",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.throttling and value_json.throttling.now "
            "else 'OFF' }}",
            **health,
            **_DIAGNOSTIC,
        },
        "update": {
            "platform": "binary_sensor",
            "name": "Update taken back",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.update_failure else 'OFF' }}",
            **health,
            **_DIAGNOSTIC,
        },
        "error": {
            "platform": "sensor",
            "name": "Last error",
            # A state has 255 letters at most.
            "value_template": "{{ value_json.last_error.text[:250] if value_json.last_error "
            "else 'none' }}",
            **health,
            **_DIAGNOSTIC,
        },
    }


def _camera(device: Device, camera: str, *, snapshots: bool) -> dict[str, Component]:
    state: Component = {
        "platform": "sensor",
        "name": f"Camera {camera}",
        "device_class": "enum",
        "options": list(get_args(Condition)),
        "state_topic": topic(device, "health"),
        "value_template": f"{{{{ value_json.cameras['{camera}'].state }}}}",
        **_DIAGNOSTIC,
    }
    picture: Component = {
        "platform": "image",
        "name": f"Snapshot {camera}",
        "image_topic": topic(device, f"snapshot/{camera}"),
        "content_type": "image/jpeg",
    }
    found = {f"camera-{camera}": state}
    return found | {f"snapshot-{camera}": picture} if snapshots else found


def _buttons(device: Device, commands: Collection[CommandName]) -> dict[str, Component]:
    names: dict[CommandName, str] = {
        "pause": "Pause",
        "resume": "Resume",
        "snapshot": "Take snapshot",
        "reload": "Reload settings",
    }
    return {
        f"button-{command}": {
            "platform": "button",
            "name": name,
            "command_topic": topic(device, f"command/{command}"),
            "command_template": _REQUEST,
            **({} if command == "snapshot" else {"entity_category": "config"}),
        }
        for command, name in names.items()
        if command in commands
    }
