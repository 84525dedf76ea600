"""Gathers what a net of the cascade must learn from photos, with the nets before it."""

import sys
from collections.abc import Callable, Mapping, Sequence

import click
import keras
import numpy as np

from edge.values import Pixels
from edge.vision.boxes import Rows
from train.detector.candidates import collect_candidates
from train.detector.nets import SOURCE, cascade_of, judge_by, stock_cascade, stock_net
from train.detector.photos import Photo
from train.detector.samples import Samples
from train.detector.views import view, views
from train.detector.windows import collect_windows

SIDES = {"rnet": 24, "onet": 48}
PASS = 0.4, 0.2, 0.5
"""Probabilities from which on P-Net and R-Net let pass what the next net learns from: lower than on
the device, so that it meets the worst that may come. O-Net's is not asked for."""
SMALLEST = 14.0
"""Pixels of the smallest faces that R-Net and O-Net learn from."""
KNOWN = (0.6, 0.7, 0.9)
"""The package's thresholds, but for the last, which is higher: from there on it is believed where
nobody labelled a face."""


def gather(
    net: str,
    before: Mapping[str, keras.Model],
    photos: Sequence[Photo],
    rng: np.random.Generator,
    *,
    guises: bool,
) -> Samples:
    """Gather samples for a net.

    Args:
        net: pnet, rnet or onet.
        before: the nets that were taught before it, by name.
        photos: at least one, with a face.
        rng: draws order, guises and samples.
        guises: whether to show photos smaller and with masks drawn too, or only as they are.

    Raises:
        MaskGateError: a photo or the package's weights cannot be read.
    """
    label = f"{net}: looking at photos"
    order = [photos[row] for row in rng.permutation(len(photos))]
    with click.progressbar(order, label=label, file=sys.stderr) as bar:
        shown = views(bar, rng) if guises else map(view, bar)
        if net == "pnet":
            return collect_windows(shown, judge_by(stock_net("pnet")), SOURCE, rng)
        cascade = cascade_of(before, PASS, SMALLEST)
        propose = cascade.shown_to_rnet if net == "rnet" else cascade.shown_to_onet
        return collect_candidates(shown, propose, SIDES[net], SOURCE, _known(), rng)


def _known() -> Callable[[Pixels], Rows]:
    """What finds the faces that the package's cascade is sure of."""
    cascade = stock_cascade(KNOWN, SMALLEST)

    def find(pixels: Pixels) -> Rows:
        boxes = [face.box for face in cascade.detect(pixels)]
        rows = [[box.left, box.top, box.right, box.bottom] for box in boxes]
        return np.array(rows).reshape(-1, 4)

    return find
