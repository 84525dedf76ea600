"""maskgate-convert: Keras models and weights to bundles for the device."""

from pathlib import Path

import click

from convert.bundle import require_free
from edge.errors import CommandGroup
from train.loading import load_keras

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
    load_keras()
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
    load_keras()
    from convert.classifier import write_classifier

    write_classifier(run, out, version=version, overwrite=overwrite, report=_report)


def _report(line: str) -> None:
    click.echo(line, err=True)
