"""Tells for a face how probable each label is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.config import Classifier as Settings
from edge.errors import MaskGateError
from edge.runtime.model import InvokeClock, Tensor
from edge.runtime.processor import Processor, on_cpu
from edge.values import Box, Pixels
from edge.vision.cut import cut_face


class Classifier:
    """The classifier of a bundle, ready to run; preprocessing comes from the manifest alone."""

    def __init__(
        self, bundle: Bundle, settings: Settings, processor: Processor | None = None
    ) -> None:
        """Open the net.

        Args:
            bundle: of task mask-classification.
            settings: how many threads, where there is no processor.
            processor: what opens the net; when None its default form runs on the CPU.

        Raises:
            MaskGateError: a bundle for another task, a damaged file, or a net that does not fit
                its manifest.
        """
        require_classifier(bundle)
        manifest = bundle.manifest
        labels = manifest.labels
        threshold, unsure = manifest.threshold, manifest.unsure
        if threshold is None or unsure is None or not unsure[0] <= threshold <= unsure[1]:
            raise MaskGateError(
                f"bundle {bundle.path}: manifest.json: expected a threshold and, around it, the "
                f"two ends of the unsure band; found threshold {threshold}, unsure {unsure}"
            )
        self.labels = labels
        self._clock = InvokeClock()
        self._threshold, self._unsure = threshold, unsure
        self._size, self._margin = manifest.input.width, manifest.input.margin
        name = f"{manifest.name} ({bundle.path})"
        self._model = (processor or on_cpu(bundle, settings.threads)).open("classifier", name)
        given, taken = self._model.given, self._model.taken
        expected = (1, manifest.input.height, manifest.input.width, 3)
        if given.shape != expected or manifest.input.height != manifest.input.width:
            raise MaskGateError(
                f"bundle {bundle.path}: the manifest says input {expected}, square; "
                f"the net takes {given.shape}"
            )
        # One output is a sigmoid: the probability of the first of two labels.
        outputs = int(np.prod(taken.shape))
        if max(outputs, 2) != len(labels):
            raise MaskGateError(
                f"bundle {bundle.path}: the manifest names {len(labels)} labels, the "
                f"net has {outputs} outputs; make the bundle again"
            )
        self._as_input = _input_table(given, manifest.input.offset, manifest.input.scale)

    @property
    def invoke_seconds(self) -> float:
        """Time spent inside the interpreter so far, in seconds."""
        return self._clock.seconds

    def classify(self, pixels: Pixels, box: Box) -> tuple[float, ...]:
        """Give the probability of each label, in the order of `labels`.

        Args:
            pixels: RGB uint8, height x width x 3.
            box: the face in pixels of the picture.

        Returns:
            As many probabilities, 0..1, as there are labels; they add up to 1.
        """
        face = cut_face(pixels, box, self._size, self._margin)
        self._model.room()[...] = self._as_input[face]
        output = self._model.taken.values(self._clock.run(self._model)).ravel()
        if len(output) == 1:
            # A sigmoid: the probability of the first of two labels.
            first = float(min(max(output[0], 0.0), 1.0))
            return first, 1 - first
        return tuple(float(probability) for probability in output)

    def label(self, probabilities: tuple[float, ...]) -> tuple[str, float]:
        """Turn the probabilities of one face into a label, sure or not, and its probability."""
        best = 0
        if probabilities[0] < self._threshold:
            best = max(range(1, len(probabilities)), key=lambda index: probabilities[index])
        return self.labels[best], probabilities[best]

    def vote(self, probabilities: tuple[float, ...]) -> tuple[str, float] | None:
        """Turn them into a label and its probability; None in the bundle's unsure band."""
        low, high = self._unsure
        return None if low < probabilities[0] < high else self.label(probabilities)


def require_classifier(bundle: Bundle) -> None:
    """Check that a bundle is a classifier's.

    Raises:
        MaskGateError: it is for another task, or has fewer than two labels or one of them twice.
    """
    task, labels = bundle.manifest.task, bundle.manifest.labels
    if task != "mask-classification" or not 2 <= len(set(labels)) == len(labels):
        raise MaskGateError(
            f"bundle {bundle.path}: expected a mask-classification bundle with two labels or more, "
            f"found {task} with {list(labels)}; set classifier.bundle to one made by "
            "maskgate-convert"
        )


def _input_table(given: Tensor, offset: float, scale: float) -> NDArray[Any]:
    """Tabulate what the net takes for each of the 256 values of a pixel."""
    return given.numbers((np.arange(256, dtype=np.float32) - offset) / scale)
