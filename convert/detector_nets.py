"""The nets of a detector to convert: the package's three, or the one of a training."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from convert.recipe import read_json, read_metrics
from convert.trained_run import load_model
from edge.bundle import Share
from edge.errors import MaskGateError
from edge.vision.cells import BLOCK, CELLS, NUMBERS
from edge.vision.detectors import CLOSER_LOOK, SINGLE_SHOT
from train.detector.comparing import measure
from train.detector.found_file import FOUND_FILE, read_found
from train.detector.nets import NET_FILE
from train.models.mtcnn import BUILDERS, PACKAGE, VERSION, WEIGHTS_SHA256, package_weights
from train.models.single_shot import SIDE, without_landmarks

CASCADE_SIDES = {"pnet": 48, "rnet": 24, "onet": 48}
"""Of the pictures that the nets are calibrated and compared on; P-Net takes any."""
CASCADE_OUTPUT = (
    "pnet, of each 12x12 window (stride 2), rnet, of 24x24, and onet, of 48x48: left, top, right, "
    "bottom as shares of the window to move its edges by; onet only: x of left eye, right eye, "
    "nose, left and right end of the mouth, then their y, as shares of the window; last, the logit "
    "of a face"
)
SINGLE_SHOT_OUTPUT = (
    "faces, of each 32x32 block, for its 16 cells of 8x8, 4 of 16x16 and 1 of 32x32, in rows: the "
    "face's middle from the cell's, x and y in cells; logarithms of half its width and height in "
    "cells; the logit of a face. onet, of a 48x48 square around such a face: left, top, right, "
    "bottom, unused; x of left eye, right eye, nose, left and right end of the mouth, then their "
    "y, as shares of the square; the logit of a face"
)

PACKAGE_ORIGIN = {
    "package": PACKAGE,
    "version": VERSION,
    "url": "https://github.com/ipazc/mtcnn",
    "weights_sha256": WEIGHTS_SHA256,
}


@dataclass(frozen=True, slots=True)
class DetectorNets:
    """What makes one detector another than the next."""

    nets: Mapping[str, keras.Model]
    """By name, each for a batch of one."""
    sides: Mapping[str, int]
    """Of the pictures that each is calibrated and compared on."""
    output: str
    """What the numbers mean, in words."""
    name: str
    version: str
    facts: Mapping[str, Any]
    """What the manifest says of them beyond what all detectors share."""
    sampling: str
    """How they were shown pictures, see edge.bundle.Input."""


def package_nets() -> DetectorNets:
    """The nets of the installed package.

    Raises:
        MaskGateError: the package is missing, another version or altered.
    """
    nets = {name: _package_net(name) for name in BUILDERS}
    origin = {**PACKAGE_ORIGIN, "recipe": "maskgate-convert mtcnn"}
    facts = {"origin": origin, "licence": "MIT"}
    return DetectorNets(nets, CASCADE_SIDES, CASCADE_OUTPUT, PACKAGE, VERSION, facts, "exact")


class _Recipe(BaseModel):
    """The part of a detector's recipe.json that the manifest repeats."""

    model_config = ConfigDict(strict=True)

    threshold: Share
    smallest: float = Field(ge=4, le=1000)
    doubt: float = Field(ge=0, le=1)


def taught_net(run: Path, version: str, threshold: float | None = None) -> DetectorNets:
    """The net that `maskgate-train detector` wrote, and the package's O-Net to look again.

    Args:
        run: the run folder.
        version: the bundle's version, e.g. "1.0.0".
        threshold: score that a face must exceed, and that the bundle says it was measured at; the
            run's own when None.

    Raises:
        MaskGateError: a part is missing, damaged, or does not fit the others.
    """
    try:
        recipe, metrics = read_json(run / "recipe.json"), read_metrics(run)
        if threshold is not None:
            metrics = measure(read_found(run / FOUND_FILE), threshold)
        _Recipe.model_validate_json(json.dumps(recipe))
        net = _read_net(run)
    except ValidationError as error:
        fault = error.errors()[0]
        raise _unusable(run, f"recipe.json, {fault['loc'][0]}: {fault['msg']}") from error
    except (OSError, ValueError) as error:
        raise _unusable(run, " ".join(str(error).split())[:300]) from error
    facts = {
        "threshold": recipe["threshold"] if threshold is None else threshold,
        "smallest": recipe["smallest"],
        "doubt": recipe["doubt"],
        "origin": {"recipe": recipe, CLOSER_LOOK: PACKAGE_ORIGIN},
        "licence": f"Apache-2.0; {CLOSER_LOOK}: MIT",
        "measured": metrics,
    }
    nets = {CLOSER_LOOK: _package_net(CLOSER_LOOK), SINGLE_SHOT: net}
    # The last is the one that is shown frames: the manifest's input is its.
    sides = {CLOSER_LOOK: CASCADE_SIDES["onet"], SINGLE_SHOT: SIDE}
    return DetectorNets(nets, sides, SINGLE_SHOT_OUTPUT, "maskgate", version, facts, "quick")


def _package_net(name: str) -> keras.Model:
    return BUILDERS[name](package_weights(name))


def _read_net(run: Path) -> keras.Model:
    net = load_model(run / NET_FILE)
    picture = keras.Input(batch_shape=(1, SIDE, SIDE, 3))
    try:
        # O-Net tells the landmarks: a tenth of the net's time, saved.
        output = without_landmarks(net)(picture)
    except ValueError as error:
        raise ValueError(f"{NET_FILE}: it is no net for {SIDE}x{SIDE} pictures") from error
    blocks = SIDE // BLOCK
    if output.shape != (1, blocks, blocks, CELLS * NUMBERS):
        raise ValueError(
            f"{NET_FILE}: expected {CELLS * NUMBERS} numbers of each block, found an "
            f"output of shape {tuple(output.shape[1:])}"
        )
    return keras.Model(picture, output, name=SINGLE_SHOT)


def _unusable(run: Path, found: str) -> MaskGateError:
    return MaskGateError(
        f"run {run}: expected what maskgate-train detector writes ({NET_FILE}, recipe.json, "
        f"metrics.json), found: {found}; train it again"
    )
