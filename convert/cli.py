"""maskgate-convert: Keras models and weights to bundles for the device."""

import functools
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from convert.bundle import require_free
from edge.bundle import VERSION_PATTERN, Form
from edge.errors import CommandGroup, MaskGateError
from train.loading import load_keras

if TYPE_CHECKING:
    from convert.job import Job

PATH = click.Path(path_type=Path)
runtime_option = click.option(
    "--tflite-runtime",
    type=PATH,
    metavar="PYTHON",
    help="Python of an environment with tflite-runtime 2.14, to verify with it too.",
)
run_argument = click.argument("run", type=PATH)
version_option = click.option(
    "--version",
    default="1.0.0",
    show_default=True,
    callback=lambda _context, _option, version: _numbers(version),
    help="The bundle's version; devices tell by it what is newer.",
)
photos_option = click.option(
    "--photos",
    type=PATH,
    multiple=True,
    metavar="PATH",
    help="Photos with faces, or folders of them, to compare the forms on; may be given again. Two "
    "portraits when not given.",
)
PASSWORD_VARIABLE = "SIGNING_KEY_PASSWORD"  # noqa: S105  (the name of a variable)
"""Holds the password of a key where nobody can be asked for it."""


@click.group(cls=CommandGroup)
def main() -> None:
    """Convert models to TFLite bundles."""


def conversion_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what every conversion takes, and pass it on as one `Job`."""

    @functools.wraps(command)
    def convert(
        out: Path,
        forms: tuple[Form, ...],
        tflite_runtime: Path | None,
        *,
        allow_loss: bool,
        overwrite: bool,
        **others: Any,
    ) -> None:
        require_free(out, overwrite=overwrite)
        load_keras()
        from convert.job import Job
        from convert.verification import runtimes

        under, skipped = runtimes(tflite_runtime)
        command(job=Job(out, forms, under, skipped, allow_loss, overwrite, _report), **others)

    options = (
        click.option(
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            required=True,
            metavar="BUNDLE",
            help="Folder to write the bundle to.",
        ),
        click.option(
            "--form",
            "forms",
            type=click.Choice(get_args(Form)),
            multiple=True,
            help="Make this form only; may be given again.",
        ),
        runtime_option,
        click.option(
            "--allow-loss", is_flag=True, help="Accept as the default a form that loses too much."
        ),
        click.option("--overwrite", is_flag=True, help="Replace a bundle that is already there."),
    )
    decorated: Callable[..., None] = convert
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


@main.command()
@conversion_options
@photos_option
def mtcnn(job: "Job", photos: tuple[Path, ...]) -> None:
    """Make the stock detector's bundle from the installed `mtcnn` package."""
    from convert.detector import write_detector
    from convert.detector_nets import package_nets

    write_detector(package_nets(), _pictures(photos), job)


@main.command()
@run_argument
@version_option
@conversion_options
@photos_option
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Score that a face must exceed, instead of the run's: that is too high where its report "
    "shows faces that nobody labelled among what was taken for one.",
)
def detector(
    run: Path, version: str, job: "Job", photos: tuple[Path, ...], threshold: float | None
) -> None:
    """Make a detector's bundle from a run of maskgate-train detector."""
    from convert.detector import write_detector
    from convert.detector_nets import taught_net

    write_detector(taught_net(run, version, threshold), _pictures(photos), job)


@main.command()
@run_argument
@version_option
@conversion_options
def model(run: Path, version: str, job: "Job") -> None:
    """Make a classifier's bundle from a run of maskgate-train, every form verified."""
    from convert.classifier import write_classifier

    write_classifier(run, version, job)


@main.command()
@click.argument("bundle", type=PATH)
@click.option(
    "--data",
    type=PATH,
    multiple=True,
    required=True,
    metavar="DATA",
    help="Labelled faces, or photos for a detector; may be given again.",
)
@runtime_option
def verify(bundle: Path, data: tuple[Path, ...], tflite_runtime: Path | None) -> None:
    """Run every form of a bundle on data, and refuse it if it lost what it should keep."""
    load_keras()
    from convert.verification import runtimes
    from convert.verify import verify_bundle

    under, skipped = runtimes(tflite_runtime)
    verify_bundle(bundle, data, under, skipped, _report)


@main.command()
@click.option(
    "--out",
    type=PATH,
    required=True,
    metavar="FILE",
    help="File of the private key; the public key goes to FILE.pub.",
)
@click.option("--password", is_flag=True, help="Protect the private key by a password.")
def key(out: Path, *, password: bool) -> None:
    """Make a pair of keys, to sign bundles with."""
    from edge.trust.signing import make_key

    secret = _ask_password(out, confirm=True) if password else None
    fingerprint = make_key(out, secret)
    click.echo(f"{out}: private key {fingerprint}; keep it to yourself", err=True)
    click.echo(f"{out}.pub: its public key, for the devices (trust.keys)", err=True)


@main.command()
@click.argument("bundle", type=PATH)
@click.option(
    "--key",
    "key_file",
    type=PATH,
    required=True,
    metavar="FILE",
    help="File of the private key.",
)
def sign(bundle: Path, key_file: Path) -> None:
    """Sign a bundle, a folder or a zip."""
    from edge.trust.signing import sign_bundle

    fingerprint = sign_bundle(bundle, key_file, lambda: _ask_password(key_file, confirm=False))
    click.echo(f"{bundle}: signed by key {fingerprint}", err=True)


def _ask_password(key_file: Path, *, confirm: bool) -> str:
    known = os.environ.get(PASSWORD_VARIABLE)
    if known:
        return known
    if not sys.stdin.isatty():
        raise MaskGateError(
            f"key {key_file}: its password is needed; set {PASSWORD_VARIABLE}, or call this from "
            "a terminal to be asked for it"
        )
    asked: str = click.prompt(
        f"password of {key_file}", hide_input=True, confirmation_prompt=confirm, err=True
    )
    return asked


def _pictures(paths: Sequence[Path]) -> list[Path]:
    """Photos, and those in folders."""
    from edge.sources.pictures import pictures_in

    return [one for path in paths for one in (pictures_in(path) if path.is_dir() else [path])]


def _numbers(version: str) -> str:
    if not re.fullmatch(VERSION_PATTERN, version):
        raise click.BadParameter(f"expected three numbers, e.g. 2.0.1; found {version}")
    return version


def _report(line: str) -> None:
    click.echo(line, err=True)
