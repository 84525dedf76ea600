"""maskgate-convert: Keras models and weights to bundles for the device."""

import os
from pathlib import Path

import click

from convert.bundle import require_free
from edge.errors import CommandGroup

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="BUNDLE",
    help="Folder to write the bundle to.",
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace a bundle that is already there."
)


@click.group(cls=CommandGroup)
def main() -> None:
    """Convert models to TFLite bundles."""


@main.command()
@out_option
@overwrite_option
def mtcnn(out: Path, *, overwrite: bool) -> None:
    """Make the face detector's bundle from the installed `mtcnn` package."""
    require_free(out, overwrite=overwrite)
    _load_tensorflow()
    from convert.mtcnn import write_mtcnn

    write_mtcnn(out, overwrite=overwrite, report=_report)


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@out_option
@click.option("--version", default="1.0.0", show_default=True, help="The bundle's version.")
@overwrite_option
def model(run: Path, out: Path, version: str, *, overwrite: bool) -> None:
    """Make a classifier's bundle from a run of maskgate-train."""
    require_free(out, overwrite=overwrite)
    _load_tensorflow()
    from convert.classifier import write_classifier

    write_classifier(run, out, version=version, overwrite=overwrite, report=_report)


def _report(line: str) -> None:
    click.echo(line, err=True)


def _load_tensorflow() -> None:
    """Import it, which takes seconds, and keep its own chatter off the terminal."""
    click.echo("loading TensorFlow", err=True)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    keras.config.disable_interactive_logging()
