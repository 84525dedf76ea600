"""Trains a small head on what a pretrained network says of faces, as the paper did with VGG16."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
from keras import layers

from edge.errors import MaskGateError
from train.data.patches import Patch
from train.feed.faces import targets
from train.feed.plain import PlainFaces, PlainRows
from train.fitting.checkpoint import CHECKPOINT, Arrays
from train.fitting.devices import find_device
from train.fitting.features import cached_features
from train.fitting.fit import Plan, fit
from train.models.backbone import SIZE, Backbone, load_backbone
from train.models.kinds import Kind, Material, labelled

BATCH = 32
MARGIN = 0.0
"""The paper cut its faces at the labelled boxes."""
LOW_RATE = 1e-5
"""Adam's rate while pretrained layers are fine-tuned, as Keras' guide to transfer learning has
it; the head's is Adam's default of 1e-3."""
HEAD = "head"
"""Folder in a run, for the history of the head where layers are fine-tuned after it."""
LISTED = 40
"""Blocks that an error names at most."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Which network to build on."""

    name: str = "VGG16"
    """One of `train.models.backbone.backbone_names()`, in any case."""
    weights: Path | None = None
    """The file with its weights; None downloads them."""
    size: int = SIZE
    """Side of its input in pixels."""
    unfreeze: str | None = None
    """Fine-tune the layers whose names start so, after the head is trained; None: none."""

    def load(self) -> Backbone:
        """Build the network with its weights.

        Raises:
            MaskGateError: see `load_backbone`.
        """
        return load_backbone(self.name, self.weights, self.size)


def backbone_kind(pretrained: Pretrained) -> Kind:
    """Make a kind of classifier of a pretrained network.

    Raises:
        MaskGateError: it cannot be loaded, or has nothing of that name to unfreeze.
    """
    find_device()  # TensorFlow joins other machines only at its start.
    backbone = pretrained.load()
    if pretrained.unfreeze is not None:
        unfreeze(backbone, pretrained.unfreeze)  # Now, and not only when the head is trained.
        backbone.core.trainable = False
    return Kind(
        backbone.name.lower(),
        backbone.size,
        MARGIN,
        lambda material, plan: train_backbone(pretrained, backbone, material, plan),
        options={
            "backbone": backbone.name,
            "weights_sha256": backbone.sha256,
            "input": backbone.size,
            "unfreeze": pretrained.unfreeze,
        },
    )


def train_backbone(
    pretrained: Pretrained, backbone: Backbone, material: Material, plan: Plan
) -> keras.Model:
    """Train a head on cached features; then, if wanted, fine-tune a part of the network with it.

    Args:
        pretrained: which network.
        backbone: the same, loaded.
        material: the faces; those around labelled boxes are used, as the paper did.
        plan: the paper trained for 5 epochs; fine-tuning takes as many again.

    Returns:
        The frozen network and the head as one model, see `joined`.

    Raises:
        MaskGateError: the features cannot be kept, or what `fit` raises.
    """
    if pretrained.unfreeze is None:
        return joined(backbone, train_head(backbone, material, plan))
    beside = plan.run and plan.run / HEAD
    head = train_head(backbone, material, replace(plan, run=beside))
    model = _fine_tuned(pretrained, head.get_weights(), material, plan)
    if beside and find_device().worker == 0:
        shutil.rmtree((beside / CHECKPOINT).parent)
    return model


def train_head(backbone: Backbone, material: Material, plan: Plan) -> keras.Model:
    """Train the head on the frozen network's features: Adam, batches of 32.

    The same seed gives the same weights as training it through the frozen network, but for the
    order in which floats are added up.

    Returns:
        A model from features to the probability of `face_with_mask`.
    """
    faces = labelled(material.dataset.patches)
    name = f"{material.dataset.fingerprint}, labelled boxes"
    found = cached_features(faces, name, backbone, margin=MARGIN)
    rows = {patch.face: row for row, patch in enumerate(faces)}

    def feed(patches: Sequence[Patch], seed: int | None = None) -> PlainRows:
        chosen = found[[rows[patch.face] for patch in patches]]
        return PlainRows(chosen, targets(patches), BATCH, seed)

    training, validation = labelled(material.training), labelled(material.validation)
    width = found.shape[1]
    return fit(
        lambda: compiled(head_model(width)), feed(training, plan.seed), feed(validation), plan
    )


def _fine_tuned(
    pretrained: Pretrained, head: Arrays, material: Material, plan: Plan
) -> keras.Model:
    def build() -> keras.Model:
        # Loaded once more, for a device's scope wants to make the variables itself.
        backbone = pretrained.load()
        model = joined(backbone, head_model(head[0].shape[0]), head)
        unfreeze(backbone, str(pretrained.unfreeze))
        return compiled(model, LOW_RATE)

    training, validation = labelled(material.training), labelled(material.validation)
    feed = PlainFaces(training, pretrained.size, MARGIN, BATCH, plan.seed)
    return fit(build, feed, PlainFaces(validation, pretrained.size, MARGIN, BATCH), plan)


def head_model(features: int) -> keras.Model:
    """Build the paper's untrained head on features of a pretrained network.

    Args:
        features: how many there are; 512 of VGG16.

    Returns:
        A model from batch x features to the probability of `face_with_mask` (batch x 1, 0..1).
    """
    return keras.Sequential(
        [
            keras.Input((features,)),
            layers.Dense(256, activation="relu"),
            layers.Dense(128, activation="relu"),
            # In float32 also where the rest is trained in shorter numbers.
            layers.Dense(1, activation="sigmoid", name="masked", dtype="float32"),
        ],
        name="head",
    )


def joined(backbone: Backbone, head: keras.Model, weights: Arrays | None = None) -> keras.Model:
    """Make one model of a network and a head; they share their layers with it.

    Args:
        backbone: pixels to features.
        head: features to probability.
        weights: to give to the head first.

    Returns:
        A model from float32 pixels 0..255 (batch x size x size x 3, RGB) to the probability of
        `face_with_mask` (batch x 1, 0..1).
    """
    if weights is not None:
        head.set_weights(weights)
    pixels = backbone.pixels()
    x = backbone.features_of(pixels)
    for layer in head.layers:
        x = layer(x)
    return keras.Model(pixels, x, name=backbone.name.lower())


def compiled(model: keras.Model, rate: float = 1e-3) -> keras.Model:
    """Compile a model as the paper did; the rate is Keras' default, as the paper's."""
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def unfreeze(backbone: Backbone, prefix: str) -> None:
    """Let the layers of a network whose names start with a prefix be trained.

    Batch normalisation stays frozen: its statistics are of millions of pictures, and a batch of 32
    faces would spoil them.

    Raises:
        MaskGateError: there is no such layer with weights.
    """
    able = [
        layer
        for layer in backbone.core.layers
        if layer.weights and not isinstance(layer, layers.BatchNormalization)
    ]
    chosen = [layer.name for layer in able if layer.name.startswith(prefix)]
    if not chosen:
        # The name up to a number that counts blocks: block5, conv5, block_16, fire9.
        blocks = list(dict.fromkeys(re.split(r"(?<!block)_", layer.name)[0] for layer in able))
        raise MaskGateError(
            f"unfreeze {prefix}: no layers of {backbone.name} have names that start so; there are "
            + ", ".join(blocks[:LISTED])
        )
    backbone.core.trainable = True
    for layer in backbone.core.layers:
        layer.trainable = layer.name in chosen
