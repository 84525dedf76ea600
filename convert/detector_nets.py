"""The three nets of a detector to convert: the package's, or those of a training."""

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
from train.models.mtcnn import BUILDERS, PACKAGE, VERSION, WEIGHTS_SHA256, package_weights

SIDES = {"pnet": 48, "rnet": 24, "onet": 48}
"""Of the pictures that the nets are calibrated and compared on; P-Net takes any."""
OUTPUTS = {"pnet": 5, "rnet": 5, "onet": 15}
"""Numbers that each net gives of a window."""


@dataclass(frozen=True, slots=True)
class DetectorNets:
    """What makes one detector another than the next."""

    nets: Mapping[str, keras.Model]
    """By name, each for a batch of one."""
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
    origin = {
        "package": PACKAGE,
        "version": VERSION,
        "url": "https://github.com/ipazc/mtcnn",
        "weights_sha256": WEIGHTS_SHA256,
        "recipe": "maskgate-convert mtcnn",
    }
    nets = {name: build(package_weights(name)) for name, build in BUILDERS.items()}
    return DetectorNets(nets, PACKAGE, VERSION, {"origin": origin, "licence": "MIT"}, "exact")


class _Recipe(BaseModel):
    """The part of a detector's recipe.json that the manifest repeats."""

    model_config = ConfigDict(strict=True)

    thresholds: tuple[Share, Share, Share]
    factor: float = Field(gt=0.3, lt=0.95)


def taught_nets(run: Path, version: str) -> DetectorNets:
    """The nets that `maskgate-train detector` wrote.

    Args:
        run: the run folder.
        version: the bundle's version, e.g. "1.0.0".

    Raises:
        MaskGateError: a part is missing, damaged, or does not fit the others.
    """
    try:
        recipe, metrics = read_json(run / "recipe.json"), read_metrics(run)
        _Recipe.model_validate_json(json.dumps(recipe))
        nets = {name: _read_net(run, name) for name in BUILDERS}
    except ValidationError as error:
        fault = error.errors()[0]
        raise _unusable(run, f"recipe.json, {fault['loc'][0]}: {fault['msg']}") from error
    except (OSError, ValueError) as error:
        raise _unusable(run, " ".join(str(error).split())[:300]) from error
    facts = {
        "thresholds": recipe["thresholds"],
        "factor": recipe["factor"],
        "origin": {
            "recipe": recipe,
            "begun_with": {"package": PACKAGE, "version": VERSION, "licence": "MIT"},
        },
        "licence": "Apache-2.0, begun with weights under MIT",
        "measured": metrics,
    }
    return DetectorNets(nets, "maskgate", version, facts, "quick")


def _read_net(run: Path, name: str) -> keras.Model:
    net = load_model(run / f"{name}.keras")
    side = SIDES[name]
    picture = keras.Input(batch_shape=(1, side, side, 3))
    try:
        output = net(picture)
    except ValueError as error:
        raise ValueError(f"{name}.keras: it takes no {side}x{side} pictures") from error
    if output.shape[-1] != OUTPUTS[name]:
        raise ValueError(
            f"{name}.keras: expected {OUTPUTS[name]} numbers of each window, found "
            f"{output.shape[-1]}"
        )
    return keras.Model(picture, output, name=name)


def _unusable(run: Path, found: str) -> MaskGateError:
    return MaskGateError(
        f"run {run}: expected what maskgate-train detector writes (pnet.keras, rnet.keras, "
        f"onet.keras, recipe.json, metrics.json), found: {found}; train it again"
    )
