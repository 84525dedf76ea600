"""Opens the detector that the settings name."""

from edge.bundle import Bundle
from edge.config import Settings
from edge.errors import MaskGateError
from edge.probe.choose import choose
from edge.probe.task import detector_task
from edge.trust.gate import load_trusted
from edge.vision.cascade import Cascade, require_detector
from edge.vision.regions import SIZES, Detector
from edge.vision.yunet import YuNet


def detector_bundle(settings: Settings) -> Bundle | None:
    """Read the bundle of the detector's nets, if its kind has one.

    Raises:
        MaskGateError: the bundle is missing, damaged, not trusted or made for another task; or the
            kind has none though this device runs nothing unsigned.
    """
    if settings.detector.kind == "yunet":
        if settings.trust.keys:
            raise MaskGateError(
                'detector.kind: "yunet" is a file that nobody can sign, and with trust.keys this '
                "device runs nothing unsigned; set another kind, or no keys"
            )
        return None
    bundle = load_trusted(settings.detector.bundle, settings)
    require_detector(bundle)
    return bundle


def open_detector(
    bundle: Bundle | None, settings: Settings, *, gated: bool, patient: bool = True
) -> Detector:
    """Open the detector.

    Args:
        bundle: of its nets; None for a kind that has none.
        settings: which kind, and how it looks at a frame.
        gated: whether it shall be ready for parts of frames.
        patient: whether it may be measured now what the nets run fastest on.

    Raises:
        MaskGateError: a file is missing or is not what it should be.
    """
    if bundle is None:
        return YuNet(settings.detector)
    processor = choose(detector_task(bundle, settings), settings, patient=patient)
    parts = gated and processor.on_cpu
    # Each camera may have a size of its own.
    sizes = len(settings.cameras) * (SIZES if parts else 1)
    return Cascade(bundle, settings.detector, processor, sizes=sizes, parts=parts)
