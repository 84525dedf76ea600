"""Loads what training and conversion compute with."""

import os

import click

from edge.errors import MaskGateError


def load_keras() -> None:
    """Import Keras and its backend, which takes seconds, and keep their chatter off the terminal.

    Raises:
        MaskGateError: one of them is not installed.
    """
    click.echo("loading Keras", err=True)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
    except ModuleNotFoundError as error:
        raise MaskGateError(
            f"Python package {error.name}: not installed; training and conversion need more than a "
            "device does: `make train` installs it, or give pip the extra, maskgate[train]"
        ) from error
    keras.config.disable_interactive_logging()
