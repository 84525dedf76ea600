"""Makes the README's picture: the demo as the device sees it. Run by `make pictures`."""

from pathlib import Path

import cv2
import numpy as np

from edge.chain import Chain
from edge.config import Settings
from edge.demo.source import Demo
from edge.show.drawing import annotate
from edge.sources.capture import every_frame

OUT = Path(__file__).parent / "entrance.jpg"
MOMENTS = (60, 160)
"""Frames of the demo that show somebody bare and somebody masked."""


def main() -> None:
    """Watch the demo, and put two moments of it side by side."""
    settings = Settings()
    chain = Chain(settings)
    moments = []
    for frame in every_frame(Demo(endless=False), settings.camera.name):
        people = chain.process(frame).people
        if frame.sequence in MOMENTS:
            moments.append(annotate(frame.pixels, people, settings.decision.violations))
    picture = np.hstack(moments)
    cv2.imwrite(str(OUT), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
