"""maskgate-convert: Keras models and weights to bundles for the device."""

import os
import re
import sys
from pathlib import Path

import click

from convert.bundle import require_free
from edge.bundle import VERSION_PATTERN
from edge.errors import CommandGroup, MaskGateError
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
PASSWORD_VARIABLE = "SIGNING_KEY_PASSWORD"  # noqa: S105  (the name of a variable)
"""Holds the password of a key where nobody can be asked for it."""


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
@click.option(
    "--version",
    default="1.0.0",
    show_default=True,
    callback=lambda _context, _option, version: _numbers(version),
    help="The bundle's version; devices tell by it what is newer.",
)
@overwrite_option
def model(run: Path, out: Path, version: str, *, overwrite: bool) -> None:
    """Make a classifier's bundle from a run of maskgate-train."""
    require_free(out, overwrite=overwrite)
    load_keras()
    from convert.classifier import write_classifier

    write_classifier(run, out, version=version, overwrite=overwrite, report=_report)


@main.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="File of the private key; the public key goes to FILE.pub.",
)
@click.option("--password", is_flag=True, help="Protect the private key by a password.")
def key(out: Path, *, password: bool) -> None:
    """Make a pair of keys, to sign bundles with."""
    from convert.signing import make_key

    secret = _ask_password(out, confirm=True) if password else None
    fingerprint = make_key(out, secret)
    click.echo(f"{out}: private key {fingerprint}; keep it to yourself", err=True)
    click.echo(f"{out}.pub: its public key, for the devices (trust.keys)", err=True)


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="File of the private key.",
)
def sign(bundle: Path, key_file: Path) -> None:
    """Sign a bundle, a folder or a zip."""
    from convert.signing import sign_bundle

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


def _numbers(version: str) -> str:
    if not re.fullmatch(VERSION_PATTERN, version):
        raise click.BadParameter(f"expected three numbers, e.g. 2.0.1; found {version}")
    return version


def _report(line: str) -> None:
    click.echo(line, err=True)
