"""Feeds samples to a training: kinds in fixed shares, in other light each time."""

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Input
from train.detector.loss import mirrored
from train.detector.samples import BACKGROUND, FACE, PART, Samples
from train.feed.feed import WHOLE, Batch, Share

SHARES = {"masked": 0.22, "bare": 0.2, "part": 0.07, "background": 0.51}
"""Of a batch. Half is background, of which there are most kinds; masked faces are more different
from each other than bare ones."""
CONTRAST, BRIGHTNESS, TINT = (0.6, 1.4), 30.0, 6.0
"""Range of the factor around the mean; grey levels added to all, and (deviation) to a colour."""
GREY, NOISY, NOISE = 0.1, 0.3, (2.0, 10.0)
"""Shares of the samples made grey, and given noise; deviation of the noise, grey levels."""
FINE = 24
"""Side from which on a picture can bear noise: P-Net's pictures are averages of many pixels."""

Floats = NDArray[np.float32]


class SampleFeed:
    """Batches drawn from all kinds of sample."""

    def __init__(
        self, samples: Samples, wanted: Floats, source: Input, batch: int, steps: int, seed: int
    ) -> None:
        """Feed some samples.

        Args:
            samples: at least one face.
            wanted: what to learn of each, see `train.detector.loss`.
            source: how the device makes inputs of pixels.
            batch: samples in a batch, about.
            steps: batches in an epoch.
            seed: of draw and light.
        """
        self._samples, self._wanted, self._source = samples, wanted, source
        self._seed, self.steps = seed, steps
        self._pools = _pools(samples, batch)

    def batch(self, epoch: int, step: int, share: Share = WHOLE) -> Batch:
        """Draw samples (rows x side x side x 3, float32, normalised) and what to learn of them."""
        rng = np.random.default_rng((self._seed, epoch, step, share.index))
        rows = np.concatenate(
            [rng.choice(pool, -(-count // share.count)) for pool, count in self._pools]
        )
        pictures = _lit(self._samples.pictures[rows].astype(np.float32), rng)
        wanted = self._wanted[rows]
        turned = rng.random(len(rows)) < 0.5
        pictures[turned] = pictures[turned][:, :, ::-1]
        wanted[turned] = mirrored(wanted[turned])
        return self._source.values(pictures), wanted


class PlainSamples:
    """All samples as they are, to validate on."""

    def __init__(self, samples: Samples, wanted: Floats, source: Input, batch: int) -> None:
        self._samples, self._wanted, self._source = samples, wanted, source
        self._size = batch
        self.steps = -(-len(wanted) // batch)

    def batch(self, epoch: int, step: int, share: Share = WHOLE) -> Batch:  # noqa: ARG002
        """Give the samples of a batch; the last one may have fewer."""
        rows = share.of(np.arange(len(self._wanted))[step * self._size :][: self._size])
        return self._source.values(self._samples.pictures[rows]), self._wanted[rows]


def _pools(samples: Samples, batch: int) -> list[tuple[NDArray[np.int64], int]]:
    """Rows of each kind that is there, and how many of them a batch has."""
    face = samples.kinds == FACE
    kinds = {
        "masked": face & samples.masked,
        "bare": face & ~samples.masked,
        "part": samples.kinds == PART,
        "background": samples.kinds == BACKGROUND,
    }
    pools = [(np.flatnonzero(kinds[name]), round(batch * part)) for name, part in SHARES.items()]
    return [(rows, count) for rows, count in pools if len(rows)]


def _lit(pictures: Floats, rng: np.random.Generator) -> Floats:
    """Show pictures in other light, some of them grey, some noisy."""
    each = (len(pictures), 1, 1, 1)
    mean = pictures.mean(axis=(1, 2, 3), keepdims=True)
    added = mean + rng.uniform(-BRIGHTNESS, BRIGHTNESS, each)
    tint = rng.normal(0, TINT, (len(pictures), 1, 1, 3))
    lit = (pictures - mean) * rng.uniform(*CONTRAST, each) + added + tint
    grey = rng.random(len(pictures)) < GREY
    lit[grey] = lit[grey].mean(axis=3, keepdims=True)
    if pictures.shape[1] >= FINE:
        noisy = np.flatnonzero(rng.random(len(pictures)) < NOISY)
        strength = rng.uniform(*NOISE, (len(noisy), 1, 1, 1))
        lit[noisy] += rng.normal(0, 1, lit[noisy].shape) * strength
    return np.asarray(np.clip(lit, 0, 255), np.float32)
