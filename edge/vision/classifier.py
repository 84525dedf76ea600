"""Tells for a face how probable each label is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.config import Classifier as Settings
from edge.errors import MaskGateError
from edge.values import Box, Pixels
from edge.vision.cut import cut_face
from edge.vision.runtime import InvokeClock, open_model


class Classifier:
    """The classifier of a bundle, ready to run; preprocessing comes from the manifest alone."""

    def __init__(self, bundle: Bundle, settings: Settings) -> None:
        """Open the bundle's default form.

        Raises:
            MaskGateError: a bundle for another task, a damaged file, or a net that does not fit
                its manifest.
        """
        manifest = bundle.manifest
        labels = manifest.labels
        if manifest.task != "mask-classification" or not 2 <= len(set(labels)) == len(labels):
            raise MaskGateError(
                f"bundle {bundle.folder}: expected a mask-classification bundle with two labels or "
                f"more, found {manifest.task} with {list(labels)}; set classifier.bundle to one "
                "made by maskgate-convert"
            )
        threshold, unsure = manifest.threshold, manifest.unsure
        if threshold is None or unsure is None or not unsure[0] <= threshold <= unsure[1]:
            raise MaskGateError(
                f"bundle {bundle.folder}: manifest.json: expected a threshold and, around it, the "
                f"two ends of the unsure band; found threshold {threshold}, unsure {unsure}"
            )
        self.labels = labels
        self._clock = InvokeClock()
        self._threshold, self._unsure = threshold, unsure
        self._size, self._margin = manifest.input.width, manifest.input.margin
        name = f"{manifest.name} ({bundle.folder})"
        self._net = open_model(bundle.model("classifier"), name, settings.threads)
        self._net.allocate_tensors()
        (given,), (taken,) = self._net.get_input_details(), self._net.get_output_details()
        expected = (1, manifest.input.height, manifest.input.width, 3)
        if tuple(given["shape"]) != expected or manifest.input.height != manifest.input.width:
            raise MaskGateError(
                f"bundle {bundle.folder}: the manifest says input {expected}, square; "
                f"the net takes {tuple(int(side) for side in given['shape'])}"
            )
        # One output is a sigmoid: the probability of the first of two labels.
        outputs = int(np.prod(taken["shape"]))
        if max(outputs, 2) != len(labels):
            raise MaskGateError(
                f"bundle {bundle.folder}: the manifest names {len(labels)} labels, the "
                f"net has {outputs} outputs; make the bundle again"
            )
        self._input, self._output = given["index"], taken["index"]
        self._as_input = _input_table(given, manifest.input.offset, manifest.input.scale)
        self._output_scale, self._output_zero = taken["quantization"]

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
        self._net.set_tensor(self._input, self._as_input[face][np.newaxis])
        self._clock.invoke(self._net)
        output = np.asarray(self._net.get_tensor(self._output), np.float32).ravel()
        if self._output_scale:
            output = (output - self._output_zero) * self._output_scale
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


def _input_table(given: dict[str, Any], offset: float, scale: float) -> NDArray[np.generic]:
    """Tabulate what the net takes for each of the 256 values of a pixel."""
    values = (np.arange(256, dtype=np.float32) - offset) / scale
    quantisation, zero = given["quantization"]
    if quantisation:
        limits = np.iinfo(given["dtype"])
        quantised = np.round(values / quantisation + zero)
        return np.asarray(np.clip(quantised, limits.min, limits.max), given["dtype"])
    return values
