"""What several commands of maskgate-train take: which data, and how much may be amiss with it."""

from pathlib import Path
from typing import Any

import click


class ClassPair(click.ParamType):  # type: ignore[type-arg]
    """CLASS=LABEL, e.g. face_with_mask_incorrect=face_no_mask."""

    name = "class=label"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Take the two names apart."""
        name, equals, label = str(value).partition("=")
        if not (name and equals and label):
            self.fail(f"expected CLASS=LABEL, found {value!r}", param, ctx)
        return name, label


data_argument = click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
map_option = click.option(
    "--map",
    "mapping",
    multiple=True,
    type=ClassPair(),
    help="Use the faces of another class too, as face_with_mask or face_no_mask.",
)
allow_skipped_option = click.option(
    "--allow-skipped", is_flag=True, help="Go on even if many faces cannot be used."
)
