"""The two photos of the demo: where they are, and where the person is in each."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.errors import MaskGateError
from edge.values import Box, Landmarks, Point


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photo and its person, all points in pixels of the photo."""

    file: str
    package: str
    """The installed package that brings the photo along."""
    folder: str
    """Where the photo lies in that package."""
    box: Box
    """The face, as the device's detector finds it."""
    landmarks: Landmarks
    """The face's five points, as the device's detector finds them."""
    chin: Point
    ears: tuple[Point, Point]
    """Where the strings of a mask vanish behind an ear or under the hair, left and right."""
    cheeks: float
    """Half the width of the face at the mouth, in distances between the eyes."""
    outline: tuple[tuple[int, int], ...]
    """The person against the background, from the top of the head anticlockwise."""


def _points(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(x), int(y)) for x, y in (pair.split(",") for pair in text.split()))


COLLINS: Final = Portrait(
    file="astronaut.png",
    package="skimage",
    folder="data",
    box=Box(180.3, 63.2, 264.7, 171.7),
    landmarks=Landmarks(
        (203.6, 100.1), (245.8, 102.7), (225.1, 126.7), (201.5, 138.8), (243.9, 140.8)
    ),
    chin=(224.0, 178.0),
    ears=((174.0, 119.0), (274.0, 127.0)),
    cheeks=1.0,
    outline=_points(
        "227,16 201,23 185,38 163,51 156,58 153,68 154,92 157,104 170,116 170,121 174,128 "
        "183,132 184,148 153,151 140,158 123,178 120,194 113,204 90,227 76,235 62,250 46,278 "
        "40,294 34,315 26,342 26,366 19,390 18,412 24,432 23,460 26,484 37,502 39,512 496,512 "
        "489,497 490,455 495,454 494,426 490,410 478,384 455,361 436,351 416,344 393,344 "
        "364,348 360,344 360,328 356,302 352,287 340,262 319,243 303,233 299,219 289,203 "
        "276,189 258,175 259,162 269,138 290,117 299,97 299,72 296,58 288,43 276,31 248,18"
    ),
)
"""Eileen Collins, photographed by NASA (public domain)."""

HOPPER: Final = Portrait(
    file="grace_hopper.jpg",
    package="matplotlib",
    folder="mpl-data/sample_data",
    box=Box(181.8, 114.3, 349.2, 328.3),
    landmarks=Landmarks(
        (222.7, 192.1), (306.5, 187.3), (267.4, 238.1), (231.7, 276.0), (302.5, 271.5)
    ),
    chin=(266.0, 326.0),
    ears=((166.0, 196.0), (369.0, 192.0)),
    cheeks=0.88,
    outline=_points(
        "262,23 231,25 223,34 220,42 209,47 199,53 188,63 180,74 175,87 163,94 152,108 "
        "149,140 150,180 156,188 155,210 158,226 163,246 161,262 166,274 180,285 195,297 "
        "203,308 200,322 191,333 165,344 129,355 96,363 80,368 61,380 47,387 38,411 26,424 "
        "27,459 17,526 14,553 6,600 512,600 512,436 507,434 492,393 464,377 422,366 376,345 "
        "352,332 336,318 334,312 340,303 350,296 358,284 361,262 365,246 370,223 375,196 "
        "373,185 369,178 371,134 368,95 365,89 353,86 344,65 328,51 313,44 299,41 290,32 "
        "275,25"
    ),
)
"""Grace Hopper, photographed by the US Navy (public domain)."""


def find_photo(portrait: Portrait) -> Path:
    """Where the photo is: in the environment's share folder, or in the package it comes with.

    The package is not imported: that would cost more time and memory than the whole device.

    Raises:
        MaskGateError: the photo is in neither place.
    """
    own = Path(sys.prefix) / "share" / "maskgate" / "photos"
    if (own / portrait.file).is_file():
        return own / portrait.file
    found = importlib.util.find_spec(portrait.package)
    for place in (found.submodule_search_locations if found else None) or ():
        path = Path(place, portrait.folder, portrait.file)
        if path.is_file():
            return path
    raise MaskGateError(
        f"photo {portrait.file} of the demo: found neither in {own} nor in the package "
        f"{portrait.package}; 'make run' fetches it"
    )
