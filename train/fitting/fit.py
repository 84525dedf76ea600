"""Trains a model: the one place that all kinds of model are trained by."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import keras

from train.feed.feed import Feed, made_ahead
from train.fitting.bar import EpochBar
from train.fitting.checkpoint import CHECKPOINT, Progress, read_checkpoint
from train.fitting.devices import FLOAT32, Device, find_device
from train.fitting.keeping import Keeper
from train.fitting.several import fit_on_all


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train, whatever the model."""

    epochs: int
    seed: int
    patience: int | None = None
    """Epochs without a lower validation loss after which the training ends and the best weights
    are taken; None: it never ends early, and the last weights are taken."""
    run: Path | None = None
    """The folder to keep history.csv and the checkpoint in; None: nothing is kept."""


def fit(build: Callable[[], keras.Model], feed: Feed, validation: Feed, plan: Plan) -> keras.Model:
    """Train a model on whatever there is to train on.

    A training whose run folder holds a checkpoint goes on from there, to the same weights as if
    it had never been interrupted. The same seed gives the same weights on the same machine.

    An optimizer that averages the weights (`use_ema`) is judged by the averaged weights after
    each epoch, for these are what the training ends with.

    Args:
        build: gives the untrained model, built and compiled; called in the device's scope.
        feed: batches to learn from.
        validation: batches to judge by after each epoch, always the same.
        plan: how long, from which seed, where to keep it.

    Returns:
        The trained model in float32, on one device.

    Raises:
        MaskGateError: the checkpoint cannot be used, or machines are lost or disagree.
    """
    device = find_device()
    click.echo(device.sentence, err=True)
    keras.utils.set_random_seed(plan.seed)
    with device.scope():
        model = build()
        model.jit_compile = device.xla
        keeper, first_epoch = _resumed(model, plan, device)
        callbacks = keras.callbacks.CallbackList(
            # In this order: the keeper sees the averaged weights before they are put back.
            [keeper, *_averaging(model), *([EpochBar()] if sys.stderr.isatty() else [])],
            add_history=True,
            model=model,
            epochs=plan.epochs,
            steps=feed.steps,
        )
        epochs = range(first_epoch, plan.epochs)
        if device.strategy is None:
            _fit_on_one(model, feed, validation, epochs, callbacks)
        else:
            fit_on_all(model, feed, validation, device.strategy, epochs, callbacks)
        if device.strategy is None and device.precision == FLOAT32:
            return model
        weights = model.get_weights()
    # The same model once more, without the device's numbers and copies.
    plain = build()
    plain.set_weights(weights)
    return plain


def _resumed(model: keras.Model, plan: Plan, device: Device) -> tuple[Keeper, int]:
    """Put the model where the training was; give its keeper and the epoch to go on with."""
    if plan.run is None:
        return Keeper(Progress(), [], None, plan.patience), 0
    checkpoint = plan.run / CHECKPOINT
    progress, best = read_checkpoint(checkpoint, model)
    if progress.rows:
        click.echo(f"going on after epoch {progress.epoch} of {plan.epochs}", err=True)
    writes = device.worker == 0
    keeper = Keeper(progress, best, plan.run if writes else None, plan.patience)
    return keeper, plan.epochs if progress.stopped else progress.epoch


def _fit_on_one(
    model: keras.Model,
    feed: Feed,
    validation: Feed,
    epochs: range,
    callbacks: keras.callbacks.CallbackList,
) -> None:
    with (
        made_ahead(feed.batch, feed.steps, epochs.start) as batches,
        made_ahead(validation.batch, validation.steps, 0) as held_back,
    ):
        model.fit(
            batches,
            initial_epoch=epochs.start,
            epochs=epochs.stop,
            steps_per_epoch=feed.steps,
            validation_data=held_back,
            validation_steps=validation.steps,
            shuffle=False,
            callbacks=callbacks,
        )


def _averaging(model: keras.Model) -> list[keras.callbacks.Callback]:
    """Judge by the averaged weights where the optimizer keeps such."""
    # Under float16 the optimizer is wrapped into one that scales the loss.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return [keras.callbacks.SwapEMAWeights()] if optimizer.use_ema else []
