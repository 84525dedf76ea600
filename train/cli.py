"""maskgate-train: from labelled pictures to a trained model."""

from pathlib import Path

import click

from edge.errors import CommandGroup


@click.group(cls=CommandGroup)
def main() -> None:
    """Train the models that the device runs."""


@main.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Folder to write the model, its recipe and its metrics to.",
)
@click.option(
    "--epochs",
    default=60,
    type=click.IntRange(min=2),
    show_default=True,
    help="How often as many faces are shown as there are.",
)
@click.option(
    "--seed", default=42, show_default=True, help="The same seed, the same draw of faces."
)
def compact(data: tuple[Path, ...], out: Path, epochs: int, seed: int) -> None:
    """Train the compact model on labelled pictures and write RUN for maskgate-convert."""
    click.echo("loading TensorFlow", err=True)
    from train.run import run_compact

    run_compact(list(data), out, epochs, seed)
