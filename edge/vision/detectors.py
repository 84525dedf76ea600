"""What kind of face detector a bundle holds."""

from edge.bundle import Bundle
from edge.errors import MaskGateError

SINGLE_SHOT = "faces"
"""The net of a single-shot detector."""
CLOSER_LOOK = "onet"
"""The net that looks at its faces again."""


def require_detector(bundle: Bundle) -> None:
    """Check that a bundle is a face detector's.

    Raises:
        MaskGateError: it is for another task.
    """
    if bundle.manifest.task != "face-detection":
        raise MaskGateError(
            f"bundle {bundle.path}: it is for {bundle.manifest.task}, expected face-detection; "
            "set detector.bundle to a detector's folder"
        )


def is_single_shot(bundle: Bundle) -> bool:
    """Tell a single-shot detector's bundle from a cascade's, which holds P-Net, R-Net and O-Net."""
    return any(file.net == SINGLE_SHOT for file in bundle.manifest.files)
