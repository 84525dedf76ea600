"""maskgate-train: from labelled pictures to a trained model."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.errors import CommandGroup
from train.cluster.command import cluster
from train.loading import load_keras
from train.options import allow_skipped_option, data_argument, map_option

if TYPE_CHECKING:
    from train.models.kinds import Kind


@click.group(cls=CommandGroup)
def main() -> None:
    """Train the models that the device runs."""


main.add_command(cluster)


def training_options(epochs: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command what every training of a classifier takes.

    Args:
        epochs: unless the user says otherwise.
    """
    options = (
        data_argument,
        click.option(
            "--out",
            required=True,
            type=click.Path(path_type=Path),
            metavar="RUN",
            help="Folder to write the model and all that belongs to it to. An unfinished run of "
            "the same command goes on where it was.",
        ),
        click.option(
            "--epochs",
            default=epochs,
            type=click.IntRange(min=2),
            show_default=True,
            help="How often as many faces are shown as there are.",
        ),
        click.option(
            "--seed",
            default=42,
            type=click.IntRange(min=0, max=2**31 - 1),
            show_default=True,
            help="The same seed, the same result.",
        ),
        click.option(
            "--split",
            default="groups",
            type=click.Choice(["groups", "rows"]),
            show_default=True,
            help="rows: the paper's, which has faces of one photo on both sides.",
        ),
        map_option,
        allow_skipped_option,
        click.option(
            "--patience",
            type=click.IntRange(min=1),
            metavar="N",
            help="Stop after N epochs without a lower validation loss, and take the best weights.",
        ),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@main.command()
@training_options(epochs=30)
def cnn(**options: Any) -> None:
    """Train the paper's network as the paper did, and write RUN for maskgate-convert."""
    _train("cnn", options)


@main.command()
@training_options(epochs=60)
def compact(**options: Any) -> None:
    """Train the device's network, and write RUN for maskgate-convert."""
    _train("compact", options)


@main.command()
@training_options(epochs=5)
@click.option(
    "--backbone",
    default="VGG16",
    show_default=True,
    metavar="NAME",
    help="Another network of keras.applications, or SqueezeNet.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Its ImageNet weights, without top; downloaded unless given.",
)
@click.option(
    "--size",
    default=224,
    type=click.IntRange(min=32),
    show_default=True,
    help="Side of its input in pixels.",
)
@click.option(
    "--unfreeze",
    metavar="PREFIX",
    help="Then fine-tune its layers whose names start so, e.g. block5, for as many epochs.",
)
def vgg16(
    backbone: str, weights: Path | None, size: int, unfreeze: str | None, **options: Any
) -> None:
    """Train the paper's head on VGG16's features, and write RUN for maskgate-convert."""
    load_keras()
    from train.fitting.backbone import Pretrained, backbone_kind

    _run(backbone_kind(Pretrained(backbone, weights, size, unfreeze)), options)


def _train(name: str, options: dict[str, Any]) -> None:
    load_keras()
    from train.models.kinds import CNN, COMPACT

    _run({"cnn": CNN, "compact": COMPACT}[name], options)


def _run(kind: "Kind", options: dict[str, Any]) -> None:
    from train.run import Task, run_training

    out, mapping = options.pop("out"), dict(options.pop("mapping"))
    run_training(kind, Task(mapping=mapping, **options), out)


@main.command()
@data_argument
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Folder to write the net and all that belongs to it to. An unfinished run of the same "
    "command goes on where it was.",
)
@click.option(
    "--steps",
    default=15_000,
    type=click.IntRange(min=1, max=10_000_000),
    show_default=True,
    metavar="N",
    help="Batches of 16 views to train on; with more it finds more.",
)
@click.option(
    "--seed",
    default=42,
    type=click.IntRange(min=0, max=2**31 - 1),
    show_default=True,
    help="The same seed, the same result.",
)
@click.option(
    "--from",
    "first",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="RUN|BUNDLE",
    help="Go on from the net of another run or of a bundle, e.g. with photos of your own entrance.",
)
@click.option(
    "--halfway",
    is_flag=True,
    help="Take the mean of the trained net and of that of --from: what is new is learnt, and less "
    "of the old is forgotten.",
)
@click.option(
    "--judge",
    "judged",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    metavar="FOLDER",
    help="Judge by the labelled photos of this data folder, and train on all of DATA, instead of "
    "holding some of it back.",
)
@map_option
@allow_skipped_option
def detector(
    data: tuple[Path, ...],
    out: Path,
    steps: int,
    seed: int,
    first: Path | None,
    judged: tuple[Path, ...],
    mapping: tuple[tuple[str, str], ...],
    *,
    halfway: bool,
    allow_skipped: bool,
) -> None:
    """Train the face detector, on faces behind masks too, and write RUN for maskgate-convert."""
    if halfway and first is None:
        raise click.UsageError(
            "--halfway: expected --from beside it, the net to go halfway back to"
        )
    load_keras()
    from train.detector.run import Task, train_detector

    task = Task(data, steps, seed, dict(mapping), allow_skipped, first, judged, halfway)
    train_detector(task, out)


@main.command()
@click.argument("judged", metavar="RUN", type=click.Path(path_type=Path))
@data_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder for the figures and the report; RUN/evaluations/<data> unless given.",
)
@map_option
@allow_skipped_option
def evaluate(
    judged: Path,
    data: tuple[Path, ...],
    out: Path | None,
    mapping: tuple[tuple[str, str], ...],
    *,
    allow_skipped: bool,
) -> None:
    """Judge RUN, or a device's bundle, on all labelled faces of DATA."""
    load_keras()
    from train.detector.evaluate import evaluate_detector, is_detector

    if is_detector(judged):
        evaluate_detector(judged, data, out, dict(mapping), allow_skipped=allow_skipped)
        return
    from train.judging.evaluate import evaluate as judge
    from train.judging.table import figures_table

    done = judge(judged, data, out, mapping=dict(mapping), allow_skipped=allow_skipped)
    click.echo(figures_table(done.metrics))
    if done.seen:
        click.echo(
            f"warning: {done.seen:,} of the {done.faces:,} faces look like faces that the model "
            "was trained on: these figures are too good",
            err=True,
        )
    click.echo(f"report: {done.folder / 'report.html'}", err=True)


@main.command()
@data_argument
@click.option(
    "--out",
    default="runs/data",
    type=click.Path(path_type=Path, file_okay=False),
    show_default=True,
    metavar="FOLDER",
    help="Folder for report.html and skipped.csv; those there are replaced.",
)
@map_option
@allow_skipped_option
def data(
    data: tuple[Path, ...], out: Path, mapping: tuple[tuple[str, str], ...], *, allow_skipped: bool
) -> None:
    """Show what is in DATA: counts, sizes, pictures, near-duplicates, what is skipped and why."""
    from train.data.dataset import load_dataset
    from train.report.data_report import write_data_report

    dataset = load_dataset(data, mapping=dict(mapping), allow_skipped=allow_skipped)
    click.echo(write_data_report(dataset, out))
    click.echo(f"report: {out / 'report.html'}", err=True)


@main.command()
@click.option(
    "--out",
    default="data",
    type=click.Path(path_type=Path),
    show_default=True,
    help="Data folder to make: a link into Kaggle's own cache.",
)
def fetch(out: Path) -> None:
    """Fetch Kaggle's face-mask dataset with your credentials."""
    from train.data.fetch import fetch_kaggle

    click.echo(f"fetching Kaggle's face-mask dataset into {out}", err=True)
    click.echo(f"{out}: {fetch_kaggle(out)}")
