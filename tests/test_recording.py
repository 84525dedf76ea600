import os
import resource
from pathlib import Path

import numpy as np
import pytest

from edge.errors import MaskGateError
from edge.show.recording import Recording
from edge.sources.video import VideoFile
from edge.values import Pixels


def frame(shade: int, width: int = 64, height: int = 48) -> Pixels:
    return np.full((height, width, 3), (shade, 0, 255 - shade), np.uint8)


def test_a_recording_plays_back_frame_by_frame_in_its_colours(tmp_path: Path):
    path = tmp_path / "a.mp4"
    with Recording(path, 12.5) as recording:
        for number in range(20):
            recording.write(frame(10 * number))
    source = VideoFile(path)
    for number in range(20):
        pixels = source.read()
        assert pixels is not None
        assert np.allclose(pixels[24, 32], (10 * number, 0, 255 - 10 * number), atol=12)
    assert source.interval == pytest.approx(0.08, abs=0.002)
    assert source.read() is None
    source.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_the_name_appears_only_when_the_file_is_complete(tmp_path: Path):
    path = tmp_path / "a.mp4"
    recording = Recording(path, 10)
    recording.write(frame(1))
    assert not path.exists()
    recording.close()
    assert path.exists()


def test_nothing_is_left_after_an_error(tmp_path: Path):
    def fail() -> None:
        with Recording(tmp_path / "a.mp4", 10) as recording:
            recording.write(frame(1))
            raise KeyError("something")

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_older_recording_outlives_an_error(tmp_path: Path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    recording = Recording(path, 10)
    recording.write(frame(1))
    recording.discard()
    assert path.read_bytes() == b"precious"


def test_without_frames_there_is_no_file_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with Recording(tmp_path / "a.mp4", 10):
        pass
    assert list(tmp_path.iterdir()) == []
    assert "no frames" in caplog.text


def test_frames_of_another_size_are_fitted_without_distortion(tmp_path: Path):
    path = tmp_path / "a.mp4"
    with Recording(path, 10) as recording:
        recording.write(frame(200, 160, 120))
        recording.write(frame(200, 30, 60))
    source = VideoFile(path)
    source.read()
    pixels = source.read()
    source.close()
    assert pixels is not None
    assert pixels.shape == (120, 160, 3)
    assert pixels[60, 80, 0] > 150
    assert (pixels[:, :44] < 40).all()
    assert (pixels[:, 116:] < 40).all()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.avi", r"a\.avi: expected a name that ends in \.mp4"),
        ("a", r"expected a name that ends in \.mp4"),
        ("gone/a.mp4", r"a\.mp4: no folder .*gone; make it first"),
        ("folder.mp4", r"folder\.mp4: a device, pipe or folder is there"),
    ],
)
def test_a_place_that_cannot_be_recorded_to_is_refused_at_once(
    tmp_path: Path, name: str, says: str
):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(MaskGateError, match=says):
        Recording(tmp_path / name, 10)


def test_a_recording_never_replaces_a_device_or_a_pipe(tmp_path: Path):
    (tmp_path / "device.mp4").symlink_to(os.devnull)
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("device.mp4", "pipe.mp4"):
        with pytest.raises(MaskGateError, match=f"{name}: a device, pipe or folder is there"):
            Recording(tmp_path / name, 10)


def test_a_recording_never_replaces_its_own_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.mp4").write_bytes(b"precious")
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    for source in (str(tmp_path / "a.mp4"), str(tmp_path / "link.mp4"), "~/a.mp4"):
        with pytest.raises(MaskGateError, match=r"a\.mp4: is the file that is read"):
            Recording(tmp_path / "a.mp4", 10, source)
    Recording(tmp_path / "b.mp4", 10, str(tmp_path / "a.mp4"))
    Recording(tmp_path / "a.mp4", 10, "rtsp://camera/live")


@pytest.mark.parametrize("folder", [b".", b"caf\xe9"])
def test_a_recording_whose_path_is_not_utf_8_is_refused(tmp_path: Path, folder: bytes):
    place = tmp_path / os.fsdecode(folder)
    place.mkdir(exist_ok=True)
    name = "a.mp4" if folder != b"." else os.fsdecode(b"caf\xe9.mp4")
    with pytest.raises(MaskGateError, match=r"caf\\xe9.*: its name is not UTF-8; rename it"):
        Recording(place / name, 10)


def test_a_picture_too_small_for_a_video_is_refused(tmp_path: Path):
    recording = Recording(tmp_path / "a.mp4", 10)
    with pytest.raises(MaskGateError, match="cannot record 1 x 1 pixels"):
        recording.write(frame(1, 1, 1))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path):
    recording = Recording(tmp_path / "a.mp4", 10)
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        for _ in range(20):
            recording.write(noise)
        with pytest.raises(MaskGateError, match=r"of 20 frames are in the file.*disk full"):
            recording.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
