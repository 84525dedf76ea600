"""Keeps what a training has reached, epoch by epoch, and says how it goes."""

import csv
import math
import time
from pathlib import Path

import click
import keras

from edge.errors import MaskGateError
from train.fitting.checkpoint import CHECKPOINT, Arrays, Progress, Row, write_checkpoint

HISTORY = "history.csv"


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes checkpoint and history after each epoch; ends a training that gets no better."""

    def __init__(
        self, progress: Progress, best: Arrays, run: Path | None, patience: int | None
    ) -> None:
        """Keep a training.

        Args:
            progress: how far it has come; changed in place.
            best: the weights that were best so far; empty at the start.
            run: the folder to write the checkpoint and history.csv to; None: nowhere.
            patience: epochs without a lower validation loss after which it ends; None: never.
        """
        super().__init__()
        self._progress, self._best = progress, best
        self._run, self._patience = run, patience
        self._tested: Arrays = []
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._began = time.monotonic()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Note the very weights that were judged: where weights are averaged, their mean."""
        if self._patience is not None:
            self._tested = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write down what was reached.

        Raises:
            MaskGateError: nothing was, for the training has diverged; the checkpoint stays.
        """
        if not math.isfinite(loss := float((logs or {})["loss"])):
            raise MaskGateError(
                f"epoch {epoch + 1}: the loss is {loss}, the training has diverged; start again "
                "in another folder with another --seed"
            )
        measured = {name: round(float(value), 6) for name, value in (logs or {}).items()}
        seconds = round(time.monotonic() - self._began, 1)
        self._progress.rows.append({"epoch": epoch + 1, **measured, "seconds": seconds})
        if self._patience is not None:
            self._compare(float((logs or {})["val_loss"]), self._patience)
        if self._run is not None:
            write_checkpoint(self._run / CHECKPOINT, self.model, self._progress, self._best)
            write_history(self._run / HISTORY, self._progress.rows)
        self._say(self._progress.rows[-1])

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """End with the best weights where the training was to be stopped in time."""
        if self._best:
            self.model.set_weights(self._best)

    def _compare(self, loss: float, patience: int) -> None:
        progress = self._progress
        if loss < progress.best:
            progress.best, progress.waited = loss, 0
            self._best = self._tested
            return
        progress.waited += 1
        if progress.waited >= patience:
            progress.stopped = self.model.stop_training = True

    def _say(self, row: Row) -> None:
        epochs = self.params["epochs"]
        done = self._progress.epoch
        seconds = sum(one["seconds"] for one in self._progress.rows) / done * (epochs - done)
        left = f"{duration(seconds)} left" if done < epochs else "done"
        if self._progress.stopped:
            left = f"no better for {self._progress.waited} epochs: done"
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        said = "  ".join(f"{name} {row[name]:.4f}" for name in names if name in row)
        click.echo(f"epoch {done}/{epochs}  {said}  {row['seconds']:.0f} s, {left}", err=True)


def write_history(path: Path, rows: list[Row]) -> None:
    """Write a line for each epoch, in place of the file before or not at all."""
    beside = path.with_suffix(".part")
    with beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    beside.replace(path)


def duration(seconds: float) -> str:
    """Say a time as a person would: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
