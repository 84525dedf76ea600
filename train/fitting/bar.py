"""A bar for the epoch that runs, where a person looks on."""

import sys
from typing import Any

import click
import keras


class EpochBar(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows how far the epoch is and how long it takes."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Start the bar."""
        label = f"epoch {epoch + 1}/{self.params['epochs']}"
        self._bar = click.progressbar(length=self.params["steps"], label=label, file=sys.stderr)
        self._bar.__enter__()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Move the bar on."""
        self._bar.update(1)

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """End the bar; what follows is the judging on the validation faces."""
        self._bar.__exit__(None, None, None)
