"""A run of a small classifier that the tests make: whoever is light wears a mask."""

import json
from pathlib import Path

import keras
import numpy as np
from click.testing import CliRunner, Result
from keras import layers

from convert.cli import main
from train.data.annotations import LABELS

SIDE = 24


def brightness_model(gain: float = 12.0, threshold: float = 127.5) -> keras.Model:
    """Says that a face wears a mask if it is brighter than the threshold."""
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", use_bias=False)(pixels)
    # A Flatten, for with an open batch it would make every shape after it unknown.
    x = layers.Flatten()(layers.AveragePooling2D(SIDE)(x))
    model = keras.Model(pixels, layers.Dense(1, activation="sigmoid")(x), name="brightness")
    kernel = np.zeros((3, 3, 3, 4), np.float32)
    kernel[1, 1] = 1 / 3
    share = gain / 255
    model.layers[1].set_weights([kernel])
    model.layers[-1].set_weights([np.full((4, 1), share / 4), np.array([-share * threshold])])
    return model


def faces(count: int, dark: float, light: float) -> tuple[np.ndarray, np.ndarray]:
    """Faces of one shade each, half of them dark and bare, half light and masked."""
    rng = np.random.default_rng(0)
    masked = np.arange(count) % 2 == 1
    shades = np.where(masked, light, dark)[:, None, None, None]
    spread = rng.uniform(0, 1, (count, SIDE, SIDE, 3))
    return np.floor(shades + spread).astype(np.uint8), masked


def write_run(
    folder: Path,
    model: keras.Model,
    pictures: np.ndarray,
    masked: np.ndarray,
    others: dict[str, np.ndarray] | None = None,
) -> Path:
    folder.mkdir()
    model.save(folder / "model.keras")
    recipe = {
        "model": "brightness",
        "labels": LABELS,
        "size": SIDE,
        "margin": 0.0,
        "threshold": 0.5,
        "unsure": [0.4, 0.6],
    }
    (folder / "recipe.json").write_text(json.dumps(recipe))
    (folder / "metrics.json").write_text(json.dumps({"validation": {"faces": len(masked)}}))
    given = {"calibration": pictures, "validation": pictures, "masked": masked, **(others or {})}
    np.savez(folder / "faces.npz", **given)
    return folder


def convert(run: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["model", str(run), "--out", str(out), *options])


def refusal(done: Result, out: Path) -> str:
    """The one line that a refused conversion ends with; nothing of a bundle is left."""
    assert done.exit_code == 2, done.output
    assert not list(out.parent.glob(f"*{out.name}*"))
    return done.stderr.splitlines()[-1]


def write_pictures(folder: Path, pictures: np.ndarray, masked: np.ndarray) -> Path:
    import cv2

    for number, (picture, is_masked) in enumerate(zip(pictures, masked, strict=True)):
        place = folder / LABELS[0 if is_masked else 1]
        place.mkdir(parents=True, exist_ok=True)
        # Large enough that what lies within its borders counts as a face to judge by.
        cv2.imwrite(str(place / f"{number}.png"), np.kron(picture, np.ones((2, 2, 1), np.uint8)))
    return folder
