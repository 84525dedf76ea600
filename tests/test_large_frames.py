"""A frame of a very large camera, as each kind of detector searches it."""

import subprocess
import sys

import pytest

SEARCHED = """
import sys
import numpy as np
from benchmarks.frames import astronaut
from edge.bundle import load_bundle
from edge.config import Detector
from edge.finder import detector_in
frame = np.full((4320, 7680, 3), 90, np.uint8)
frame[3000:3512, 6000:6512] = astronaut()
settings = Detector(kind=sys.argv[1])
(face,) = detector_in(load_bundle(settings.bundle), settings).detect(frame)
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(face.box.left, int(peak[0]) / 1024)
"""


@pytest.mark.parametrize(("kind", "off", "most"), [("mtcnn", 10, 600), ("maskgate", 15, 900)])
def test_an_8k_frame_is_searched_in_bounded_memory(kind: str, off: float, most: float) -> None:
    """100 of these megabytes are the frame."""
    done = subprocess.run(
        [sys.executable, "-c", SEARCHED, kind], capture_output=True, text=True, check=True
    )
    left, megabytes = map(float, done.stdout.split())
    assert left == pytest.approx(6180, abs=off)
    assert megabytes < most
