"""Writes a report: one HTML file that needs nothing else and no network."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from edge.errors import MaskGateError
from edge.values import Pixels
from edge.writing import replacing

QUALITY = 85
"""Of the JPEG pictures, 0..100."""

_HERE = Path(__file__).parent
_environment = Environment(
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_page(path: Path, template: str, folder: Path = _HERE, **values: Any) -> None:
    """Fill a template and write the page.

    Args:
        path: the HTML file; replaced only when the page is complete.
        template: name of a template that extends base.html, e.g. "run_report.html".
        folder: where the template is, if not here.
        values: what the template names; text is escaped, `Markup` is not.

    Raises:
        MaskGateError: the file cannot be written.
    """
    loader = FileSystemLoader([folder, _HERE])
    page = _environment.overlay(loader=loader).get_template(template).render(values)
    try:
        with replacing(path) as file:
            file.write(page.encode())
    except OSError as error:
        raise MaskGateError(f"report {path}: cannot be written ({error.strerror})") from error


def picture(pixels: Pixels, text: str, *, side: int | None = None) -> Markup:
    """Make an <img> that carries its picture.

    Args:
        pixels: RGB uint8, height x width x 3.
        text: what it shows, for those who cannot see it.
        side: shrink the picture so that its longer side has at most so many pixels.
    """
    longest = max(pixels.shape[:2])
    if side is not None and longest > side:
        scale = side / longest
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    # OpenCV's files are written from blue, green, red.
    _, code = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    data = base64.b64encode(code.tobytes()).decode()
    height, width = pixels.shape[:2]
    return Markup('<img src="data:image/jpeg;base64,{}" width="{}" height="{}" alt="{}">').format(
        data, width, height, text
    )


def percent(share: float | None, digits: int = 1) -> str:
    """Show a share, 0..1, as a percentage; - where there is none."""
    return "-" if share is None else f"{share:.{digits}%}".replace("%", "\N{NO-BREAK SPACE}%")


def interval(ends: Sequence[float]) -> str:
    """Show the two ends of an interval of shares, 0..1, as percentages."""
    return f"{ends[0] * 100:.1f} to {percent(ends[1])}"


_environment.filters.update(percent=percent, interval=interval)
