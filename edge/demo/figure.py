"""A person cut out of a photo, ready to be set into a frame at any size."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.masks import Look, Plane, wear
from edge.demo.portraits import Portrait, find_photo
from edge.sources.pictures import read_picture
from edge.values import Pixels, Point

FACE: Final = 112.0
"""Height of the face's box in pixels that a figure is made for; it is set in at up to this."""
_BELOW: Final = 330
"""Pixels of the body kept below the middle of the face; the desk hides the rest."""
_EDGE: Final = 2.5
"""Width in pixels of the soft edge, all inside the outline: no halo of the old background."""

_SIDE: Final = 4
"""Pixels added on either side, so that a sleeve at the edge of the photo gets a soft edge too."""


@dataclass(frozen=True, slots=True)
class Clothing:
    """How a figure differs from its photo."""

    look: Look | None = None
    """The mask, or None for a bare face."""
    mirrored: bool = False
    brightness: float = 1.0
    dye: int | None = None
    """Turns the hue of strongly coloured clothes by this many degrees."""


class CutOut:
    """A person cut out of a photo, as they are in it."""

    def __init__(self, portrait: Portrait) -> None:
        """Read the photo and cut the person out.

        Raises:
            MaskGateError: the photo is not installed, or cannot be read.
        """
        photo = read_picture(find_photo(portrait))
        self.portrait = portrait
        self.scale = FACE / portrait.box.height
        self.middle = _scaled(portrait.box.centre, self.scale)
        self.pixels = _shrunk(photo, self.scale, round(self.middle[1]) + _BELOW)
        self.cover = _cover(portrait, self.scale, self.pixels)


class Figure:
    """One person, dressed; `set_into` puts them into a frame."""

    def __init__(self, person: CutOut, clothing: Clothing) -> None:
        """Dress the person."""
        pixels, cover, (x, y) = person.pixels, person.cover, person.middle
        chin = _scaled(person.portrait.chin, person.scale)
        if clothing.dye is not None:
            pixels = _dyed(pixels, clothing.dye, round(chin[1]) + 12)
        if clothing.look is not None:
            pixels = _masked(pixels, person, clothing.look)
        if clothing.mirrored:
            pixels, cover, x = pixels[:, ::-1], cover[:, ::-1], pixels.shape[1] - 1 - x
        self._middle = x, y
        bright = np.clip(pixels * np.float32(clothing.brightness), 0, 255)
        # Two sizes: shrinking the larger one to less than half would flicker.
        self._layers = [_layer(bright, cover, 1.0), _layer(bright, cover, 0.5)]

    def set_into(self, frame: Pixels, x: float, y: float, face: float, floor: int) -> None:
        """Draw the figure.

        Args:
            frame: RGB uint8, drawn upon.
            x: where the middle of the face is to be, in pixels of the frame.
            y: likewise.
            face: height of the face's box in pixels, above 0.
            floor: row from which something in the foreground hides the figure.
        """
        layer = self._layers[1 if face < 0.5 * FACE else 0]
        scale = face / FACE / layer.scale
        left, top = x - self._middle[0] * face / FACE, y - self._middle[1] * face / FACE
        height, width = layer.pixels.shape[:2]
        first_x, last_x = max(0, int(left)), min(frame.shape[1], int(left + width * scale) + 1)
        first_y, last_y = max(0, int(top)), min(floor, int(top + height * scale) + 1)
        if first_x >= last_x or first_y >= last_y:
            return
        onto = np.array([[scale, 0, left - first_x], [0, scale, top - first_y]], np.float32)
        size = last_x - first_x, last_y - first_y
        set_in = cv2.warpAffine(layer.pixels, onto, size, borderValue=(0, 0, 0, 255))
        shows = cv2.cvtColor(cv2.extractChannel(set_in, 3), cv2.COLOR_GRAY2RGB)
        part = frame[first_y:last_y, first_x:last_x]
        behind = cv2.multiply(part, shows, scale=1 / 255)
        cv2.add(behind, cv2.cvtColor(set_in, cv2.COLOR_RGBA2RGB), dst=part)


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    scale: float
    pixels: NDArray[np.uint8]
    """Red, green, blue, weighted by how much the figure covers, and how much shows through."""


def _layer(pixels: Plane, cover: Plane, scale: float) -> _Layer:
    covering = cover[..., None]
    layer = np.concatenate([pixels * covering, 255 * (1 - covering)], axis=2)
    if scale != 1:
        layer = cv2.resize(layer, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _Layer(scale, np.round(layer).astype(np.uint8))


def _shrunk(photo: Pixels, scale: float, height: int) -> Pixels:
    """The photo at the figure's scale; below its last row the clothes simply go on."""
    width = round(photo.shape[1] * scale)
    small = cv2.resize(photo, (width, round(photo.shape[0] * scale)), interpolation=cv2.INTER_AREA)
    missing = max(0, height - small.shape[0])
    small = cv2.copyMakeBorder(small[:height], 0, missing, _SIDE, _SIDE, cv2.BORDER_REPLICATE)
    if missing:
        # Repeated as they are, a button in the last row would become a stripe.
        small[-missing:] = cv2.GaussianBlur(cv2.medianBlur(small[-missing:], 41), (0, 0), 4)
    return np.asarray(small, np.uint8)


def _cover(portrait: Portrait, scale: float, pixels: Pixels) -> Plane:
    """How much each pixel belongs to the person, 0..1, soft towards the outline."""
    height, width = pixels.shape[:2]
    lowest = max(y for _, y in portrait.outline)
    points = np.array(portrait.outline, np.float32) * scale
    points[:, 0] += _SIDE
    points[np.array(portrait.outline)[:, 1] == lowest, 1] = 2 * height
    large = np.zeros((height * 4, width * 4), np.uint8)
    cv2.fillPoly(large, [np.round((points + 0.5) * 4).astype(np.int32)], 255)
    inside = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(
        inside.astype(np.float32) / 255, (0, 0), _EDGE / 2, borderType=cv2.BORDER_REPLICATE
    )
    # On the outline the blurred value is one half.
    return np.asarray(np.clip(2 * blurred - 1, 0, 1), np.float32)


def _dyed(pixels: Pixels, degrees: int, first_row: int) -> Pixels:
    """Dye coloured clothes; skin is less saturated, and above the first row."""
    below = pixels[first_row:]
    hsv = cv2.cvtColor(below, cv2.COLOR_RGB2HSV)
    hue, saturation, value = cv2.split(hsv)
    dyed = cv2.merge(
        [
            ((hue.astype(np.int32) + degrees // 2) % 180).astype(np.uint8),  # OpenCV: half degrees
            (saturation * 0.5).astype(np.uint8),
            (value * 0.85).astype(np.uint8),
        ]
    )
    share = np.clip((saturation.astype(np.float32) - 90) / 50, 0, 1)[..., None]
    colours = cv2.cvtColor(dyed, cv2.COLOR_HSV2RGB).astype(np.float32)
    result = np.array(pixels, np.uint8)
    result[first_row:] = below + share * (colours - below)
    return result


def _scaled(point: Point, scale: float) -> Point:
    return point[0] * scale + _SIDE, point[1] * scale


def _masked(pixels: Pixels, person: CutOut, look: Look) -> Pixels:
    portrait = person.portrait

    def scaled(point: Point) -> Point:
        return _scaled(point, person.scale)

    left_ear, right_ear = portrait.ears
    return wear(
        pixels,
        portrait.landmarks.moved(scaled),
        scaled(portrait.chin),
        (scaled(left_ear), scaled(right_ear)),
        portrait.cheeks,
        look,
    )
