"""Opens the detector that the settings name."""

from edge.bundle import Bundle
from edge.config import Detector as Looking
from edge.config import Settings
from edge.errors import MaskGateError
from edge.probe.choose import choose
from edge.probe.task import detector_task
from edge.runtime.processor import Nets, on_cpu
from edge.trust.gate import load_trusted
from edge.vision.cascade import Cascade
from edge.vision.detectors import is_single_shot, require_detector
from edge.vision.regions import SIZES, Detector
from edge.vision.single_shot import SingleShot, showing_of
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
    sizes = SIZES if gated and processor.on_cpu else 1
    cameras = len(settings.cameras)
    return detector_in(bundle, settings.detector, processor, sizes=sizes, cameras=cameras)


def detector_in(
    bundle: Bundle,
    settings: Looking,
    processor: Nets | None = None,
    *,
    sizes: int = 1,
    cameras: int = 1,
) -> Detector:
    """Open the detector whose nets are in a bundle.

    Args:
        bundle: of task face-detection.
        settings: how it looks at a frame.
        processor: what opens the nets; when None they run on the CPU.
        sizes: sizes of a camera's frame and its parts that the nets stay ready for.
        cameras: that take turns; each may have frames of another size.

    Raises:
        MaskGateError: the bundle is for another task, lacks a net, or a file of it is missing,
            altered or refused by the runtime.
    """
    require_detector(bundle)
    nets = processor or on_cpu(bundle, settings.threads, settings.form)
    ready = {"sizes": sizes, "cameras": cameras}
    if is_single_shot(bundle):
        return SingleShot(bundle.manifest.input, showing_of(bundle, settings), nets, **ready)
    return Cascade(bundle, settings, nets, **ready)
