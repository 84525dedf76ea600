"""Is a face fit to be judged? Turned away, tiny or blurred, it is unsure and not a violation."""

import cv2
import numpy as np

from edge.values import Box, Face, Landmarks, Pixels


def turn(landmarks: Landmarks) -> float:
    """Say how far a face is turned aside: 0 is straight on, about 1 and more a profile.

    How far the nose is from the middle of the eyes, in distances of the eyes, measured along the
    line of the eyes, so that tilting the head changes nothing; 0.5 is a nose in front of an eye.
    """
    (lx, ly), (rx, ry) = landmarks.left_eye, landmarks.right_eye
    nx, ny = landmarks.nose
    apart = (rx - lx) ** 2 + (ry - ly) ** 2
    if apart == 0:
        return float("inf")
    along = ((nx - lx) * (rx - lx) + (ny - ly) * (ry - ly)) / apart
    return abs(along - 0.5)


def sharpness(pixels: Pixels, box: Box) -> float:
    """How sharp a face is: high for crisp detail, near 0 for a smear; no unit.

    The mean square of the Laplacian over the variance of the brightness (after Pech-Pacheco et
    al., 2000, freed of contrast), on the frame's own pixels: enlarging them would blur.

    Args:
        pixels: RGB uint8, height x width x 3.
        box: the face in pixels of the picture.
    """
    height, width = pixels.shape[:2]
    left, right = max(0, int(box.left)), min(width, int(box.right))
    top, bottom = max(0, int(box.top)), min(height, int(box.bottom))
    if right - left < 3 or bottom - top < 3:
        return 0.0
    face = pixels[top:bottom, left:right]
    longest = max(face.shape[:2])
    if longest > 64:
        # Beyond this size a face has detail to spare: judge what the classifier will see.
        scale = 64 / longest
        small = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        face = np.asarray(small, np.uint8)
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    variance = float(grey.var())
    if variance < 1:
        return 0.0
    return float(np.square(cv2.Laplacian(grey, cv2.CV_32F)).mean()) / variance


def is_fit(
    face: Face, pixels: Pixels, min_face: float, max_turn: float, min_sharpness: float
) -> bool:
    """Tell whether a face may vote.

    Args:
        face: what the detector found.
        pixels: its frame, RGB uint8.
        min_face: smallest longer side in pixels.
        max_turn: largest `turn`.
        min_sharpness: smallest `sharpness`.
    """
    return (
        max(face.box.width, face.box.height) >= min_face
        and turn(face.landmarks) <= max_turn
        and sharpness(pixels, face.box) >= min_sharpness
    )
