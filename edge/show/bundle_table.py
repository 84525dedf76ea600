"""What a person, or a program, reads of a bundle."""

import json
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from edge.bundle import Input, Manifest
from edge.show.figures import as_lines, in_words
from edge.trust.inspection import Inspection

_TITLES = 11
"""Width of the column with the titles."""
_ORIGIN = (
    "package", "version", "url", "model", "backbone", "epochs_trained", "seed", "collections",
    "training_faces", "dataset_sha256", "revision",
)  # fmt: skip
"""What is told of a bundle's origin, where it has it; all of it is in the JSON."""
_WIDEST = 110
_NAME = re.compile(r" *\S+(?: \S+){0,5} {2,}")
"""A name and the gap before its value."""


def print_table(found: Inspection) -> None:
    """Print a bundle for a person."""
    manifest = found.bundle.manifest
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    click.echo(click.style(f"{manifest.name} {manifest.version}", bold=True) + f"  {manifest.task}")
    for title, value in _facts(manifest):
        _print(title, [value], width)
    _print_styled("forms", _forms(found))
    _print("measured", as_lines(manifest.measured, width - _TITLES), width)
    _print("origin", as_lines(_origin(manifest.origin), width - _TITLES), width)
    _print("licence", [in_words(manifest.licence)], width)
    _print_styled("signature", [_signature(found)])


def print_json(found: Inspection) -> None:
    """Print a bundle for a program: one JSON object."""
    manifest = found.bundle.manifest.model_dump(mode="json", by_alias=True, exclude_unset=True)
    states = [{"path": file.path, "fault": fault} for file, fault in found.files]
    shown = {
        "bundle": str(found.bundle.path),
        "manifest": manifest,
        "files": states,
        "signature": {
            "key": found.key,
            "trusted": found.trusted,
            "fault": found.signature_fault,
        },
        "refusal": found.refusal,
    }
    click.echo(json.dumps(shown))


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    if manifest.labels:
        yield "labels", ", ".join(map(in_words, manifest.labels))
    yield "input", _input(manifest.input)
    yield "output", in_words(manifest.output)
    if manifest.threshold is not None:
        yield "threshold", f"{manifest.threshold:g} of the first label"
    if manifest.unsure is not None:
        low, high = manifest.unsure
        yield "unsure", f"between {low:g} and {high:g}"


def _input(source: Input) -> str:
    plain = (source.offset, source.scale) == (0, 1)
    value = "" if plain else f", (pixel - {source.offset:g}) / {source.scale:g}"
    margin = f", cut with a margin of {source.margin:.0%}" if source.margin else ""
    return f"{source.width} x {source.height} {source.colour} {source.dtype}{value}{margin}"


def _forms(found: Inspection) -> Iterator[str]:
    manifest = found.bundle.manifest
    nets = max(len(file.net) for file in manifest.files)
    for file, fault in found.files:
        state = click.style("damaged", fg="red") if fault else click.style("intact", fg="green")
        default = ", default" if file.form == manifest.default_form else ""
        yield (
            f"{in_words(file.net):{nets}}  {file.form:8}{file.size:>11,} bytes  "
            f"{file.sha256[:12]}  {state}{default}"
        )


def _signature(found: Inspection) -> str:
    if found.signature_fault:
        return click.style("does not fit", fg="red")
    if found.key is None:
        return "not signed"
    trust = {
        True: click.style("trusted by this device", fg="green"),
        False: click.style("not trusted by this device", fg="red"),
        None: "no trust.keys say whether to trust it",
    }[found.trusted]
    return f"signed by key {found.key}, {trust}"


def _origin(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what tells most; a recipe's parts stand beside the rest."""
    recipe = origin.get("recipe")
    parts = {**recipe, **origin} if isinstance(recipe, Mapping) else dict(origin)
    chosen = {name: parts[name] for name in _ORIGIN if name in parts}
    digest = chosen.get("dataset_sha256")
    return chosen | ({"dataset_sha256": f"{digest:.12}…"} if isinstance(digest, str) else {})


def _print(title: str, lines: list[str], width: int) -> None:
    """Print lines beside a title; those that are too long go on below, under their value."""
    for line in lines:
        name = _NAME.match(line)
        indent = name.end() if name else 0
        wrapped = textwrap.wrap(
            line, max(width - _TITLES, 40), subsequent_indent=" " * indent, break_on_hyphens=False
        )
        for part in wrapped or [""]:
            click.echo(f"{title:{_TITLES}}{part}")
            title = ""


def _print_styled(title: str, lines: Iterable[str]) -> None:
    """Print short lines that have colours already."""
    for line in lines:
        click.echo(f"{title:{_TITLES}}{line}")
        title = ""
