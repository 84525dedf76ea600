"""Pictures of what a detector missed and of what it took for a face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from edge.values import Box, Pixels
from edge.vision.boxes import Rows
from train.detector.judging import FalseFace, LookedFor
from train.detector.matching import Found
from train.detector.photos import Photo
from train.detector.worse import CONDITIONS, Change, unchanged
from train.report.page import picture

SIDE = 208
"""Of the pictures, in pixels."""
AROUND = 2.0
"""What they show around the box, as share of its longer side: enough to see whose head it is."""
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)
"""Of masked and bare labelled faces, RGB, as the charts have them."""
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture for the report, and what stands under it."""

    image: Markup
    text: str
    note: str
    """What is known of why."""
    kind: str
    """The class of a labelled face, "bare" or "masked"; "" for a false one."""
    photo: str
    """Its file's name."""


def show_missed(
    faces: Sequence[LookedFor], found: Sequence[Found], photos: Sequence[Photo]
) -> list[Shown]:
    """Show faces that were not found, their labelled boxes and the finds around them.

    Args:
        faces: to be shown, in this order.
        found: what to draw, one for each photo.
        photos: those that the detector looked at.
    """
    return [
        Shown(
            _picture(one.box, found[one.photo], photos[one.photo]),
            f"{one.size:.0f} px",
            "not found" if one.score is None else f"only at {one.score:.3f}",
            "masked" if one.masked else "bare",
            photos[one.photo].path.name,
        )
        for one in faces
    ]


def show_false(
    finds: Sequence[FalseFace], found: Sequence[Found], photos: Sequence[Photo]
) -> list[Shown]:
    """Show finds that are no labelled faces; see `show_missed`."""
    return [
        Shown(
            _picture(one.box, found[one.photo], photos[one.photo]),
            f"{one.score:.3f}, {one.size:.0f} px",
            _why(one),
            "",
            photos[one.photo].path.name,
        )
        for one in finds
    ]


def show_worse(
    face: LookedFor, found: Mapping[str, Sequence[Found]], photos: Sequence[Photo]
) -> list[Shown]:
    """Show a face as it is and as CONDITIONS make it, with what was found there.

    Args:
        face: whose photo is shown.
        found: what to draw, one for each photo, by how the photos were made worse.
        photos: those that the detector looked at.
    """
    photo = photos[face.photo]
    return [
        Shown(
            _picture(face.box, finds[face.photo], photo, CONDITIONS.get(how, unchanged)),
            how,
            "masked" if face.masked else "bare",
            "",
            photo.path.name,
        )
        for how, finds in found.items()
    ]


def _why(find: FalseFace) -> str:
    if find.near is None:
        return "no labelled face there"
    if find.second:
        return "a second find on a face"
    return f"off a face, overlap {find.box.overlap(find.near):.2f}"


def _picture(around: Box, found: Found, photo: Photo, change: Change = unchanged) -> Markup:
    pixels, scale = photo.read()
    pixels = change(pixels, photo.boxes * scale)
    corner, side = _window(around, pixels)
    (left, top), (right, bottom) = corner, corner + side
    shrunk = SIDE / max(side)
    size = (max(1, round(side[0] * shrunk)), max(1, round(side[1] * shrunk)))
    smooth = cv2.INTER_AREA if shrunk < 1 else cv2.INTER_CUBIC
    cut = cv2.resize(pixels[top:bottom, left:right], size, interpolation=smooth)
    drawn = np.asarray(cut, np.uint8)
    sides = np.array([around.left, around.top, around.right, around.bottom])
    colours = [WHITE] * len(found.boxes) + [BLUE if masked else ORANGE for masked in found.masked]
    for box, colour in zip(np.concatenate([found.boxes, found.faces]), colours, strict=True):
        thickness = 4 if np.array_equal(box, sides) else 2
        _frame(drawn, (box - [left, top] * 2) * shrunk, colour, thickness)
    return picture(drawn, f"{photo.path.name}, around the box with the thick line")


def _window(around: Box, pixels: Pixels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Corner and sides (x, y) of the square around a box, moved and shrunk into the picture."""
    whole = np.array([pixels.shape[1], pixels.shape[0]])
    longest = max(2, round(max(around.width, around.height)))
    side = np.minimum(min(round(longest * (1 + AROUND)), max(longest, whole.min())), whole)
    corner = np.round(np.array(around.centre) - side / 2).astype(np.intp)
    return np.clip(corner, 0, whole - side), side


def _frame(pixels: Pixels, box: Rows, colour: tuple[int, int, int], thickness: int) -> None:
    left, top, right, bottom = (round(float(side)) for side in box)
    # Inside a dark line a light one, and the other way round: seen on any ground.
    edge, out = BLACK if colour == WHITE else WHITE, thickness // 2 + 1
    cv2.rectangle(pixels, (left - out, top - out), (right + out, bottom + out), edge, 1)
    cv2.rectangle(pixels, (left, top), (right, bottom), colour, thickness)
