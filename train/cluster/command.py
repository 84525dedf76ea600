"""maskgate-train cluster."""

from pathlib import Path

import click

from edge.errors import MaskGateError
from train.loading import load_keras
from train.options import allow_skipped_option, data_argument, map_option


@click.command()
@data_argument
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder to make, for the clusters, sheets of their faces and the report.",
)
@click.option(
    "--method",
    default="skin",
    type=click.Choice(["skin", "paper"]),
    show_default=True,
    help="skin: learn from the faces whose lower half clearly shows skin or not. "
    "paper: k-means on a network's features.",
)
@click.option("--backbone", help="paper: the network, of keras.applications or SqueezeNet. [vgg16]")
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="paper: the network's weights, instead of downloading ImageNet's.",
)
@click.option(
    "--layer", help="paper: the layer to take. [fc2 of VGG16 and VGG19, the last one of others]"
)
@click.option(
    "--gamma",
    type=click.FloatRange(0.1, 10),
    metavar="G",
    help="paper: correct the faces' gamma first; above 1 makes dark parts brighter.",
)
@click.option(
    "--seed",
    default=42,
    type=click.IntRange(min=0, max=2**31 - 1),
    show_default=True,
    help="The same seed, the same clusters.",
)
@map_option
@allow_skipped_option
def cluster(
    data: tuple[Path, ...],
    out: Path,
    method: str,
    backbone: str | None,
    weights: Path | None,
    layer: str | None,
    gamma: float | None,
    seed: int,
    mapping: tuple[tuple[str, str], ...],
    *,
    allow_skipped: bool,
) -> None:
    """Tell masked from bare faces of DATA without labels; labels, if there, only measure it.

    DATA are labelled folders as for training, or folders of pictures of one face each.
    """
    given = {"--backbone": backbone, "--weights": weights, "--layer": layer, "--gamma": gamma}
    needless = [name for name, value in given.items() if value is not None]
    if method != "paper" and needless:
        raise MaskGateError(f"{needless[0]}: only --method paper takes it; add that or leave it")
    load_keras()
    from train.cluster.faces import load_faces
    from train.cluster.run import PaperOptions, run_cluster

    paper = PaperOptions(backbone or "vgg16", weights, layer, gamma or 1.0)
    run_cluster(
        lambda: load_faces(data, mapping=dict(mapping), allow_skipped=allow_skipped),
        out,
        paper if method == "paper" else None,
        seed,
    )
