"""What differs between two settings."""

from edge.config import Camera, Settings

OPENED_BY = ("source", "width", "height", "rate", "format", "frozen_after")
"""The keys of a camera by which it is opened; the others say what counts at it."""


def changed(before: Settings, after: Settings) -> list[str]:
    """Name the sections that differ, and each camera: ["cameras.yard", "decision"]."""
    names = []
    for section in Settings.model_fields:
        old, new = getattr(before, section), getattr(after, section)
        if section == "cameras":
            names += [
                f"cameras.{name}"
                for name in [*new, *(old.keys() - new)]
                if old.get(name) != new.get(name)
            ]
        elif old != new:
            names.append(section)
    return names


def opened_otherwise(before: Camera, after: Camera) -> bool:
    """Tell whether a camera has to be opened anew."""
    return any(getattr(before, key) != getattr(after, key) for key in OPENED_BY)


def need_other_nets(before: Settings, after: Settings) -> bool:
    """Tell whether the nets have to be opened anew."""
    return _nets_by(before) != _nets_by(after)


def _nets_by(settings: Settings) -> tuple[object, ...]:
    cameras = settings.cameras.values()
    # They are ready for as many frame sizes as there are cameras, and were measured on the largest.
    largest = max((camera.width * camera.height, camera.width) for camera in cameras)
    return settings.detector, settings.classifier, settings.trust, len(cameras), largest
