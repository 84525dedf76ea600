"""Videos and moving GIFs as frames; and what is none."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import MaskGateError
from edge.sources.opening import open_source
from edge.sources.video import VideoFile
from tests.media import (
    ORANGE,
    claiming,
    cut,
    everything,
    film,
    gif,
    source_of,
    with_empty_packets,
)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v")]
)
def test_a_video_gives_all_its_frames_in_order_at_its_own_pace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, codec: str
):
    source = open_source(source_of(film(tmp_path / name, codec=codec)))
    assert isinstance(source, VideoFile)
    shades, intervals = [], []
    while (pixels := source.read()) is not None:
        shades.append(float(pixels.mean()))
        intervals.append(source.interval)
    source.close()
    assert np.allclose(shades, [8 * number for number in range(30)], atol=4)
    assert np.allclose(intervals, 0.1, atol=0.002)
    assert not source.live
    assert source.broken is None
    assert not caplog.records


def test_a_video_is_read_as_red_green_blue(tmp_path: Path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    writer.write(np.full((48, 64, 3), ORANGE[::-1], np.uint8))
    writer.release()
    assert np.allclose(everything(VideoFile(path))[0][24, 32], ORANGE, atol=12)


def test_a_gif_plays_at_the_pace_of_each_of_its_frames(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    source = open_source(source_of(gif(tmp_path / "a.gif", [80, 80, 500, 90, 100])))
    intervals = []
    while source.read() is not None:
        intervals.append(source.interval)
    # The first has none before it; then each waits for as long as the one before is shown.
    assert np.allclose(intervals[1:], [0.08, 0.08, 0.5, 0.09])
    assert not caplog.records


@pytest.mark.parametrize("name", ["a.avi", "a.mkv"])
def test_a_video_that_breaks_off_says_after_which_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
):
    path = cut(film(tmp_path / name, codec="MJPG"), 0.6)
    source = VideoFile(path)
    count = len(everything(source))
    assert 5 < count < 25
    assert str(source.broken).startswith(f"breaks off after frame {count}")
    assert f"{name} breaks off after frame {count} (" in caplog.text


def test_a_gif_that_breaks_off_says_after_which_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = cut(gif(tmp_path / "a.gif", [100] * 10), 0.6)
    source = VideoFile(path)
    count = len(everything(source))
    assert 2 < count < 10
    assert f"a.gif breaks off after frame {count}" in caplog.text
    assert source.broken


@pytest.mark.parametrize("damage", [bytes(40), b"\xa7" * 40])
def test_damage_in_the_middle_of_a_gif_does_not_pass_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
):
    path = gif(tmp_path / "a.gif", [100] * 10)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + len(damage)] = damage
    path.write_bytes(content)
    source = VideoFile(path)
    count = len(everything(source))
    assert 2 < count < 10
    assert f"a.gif breaks off after frame {count}" in caplog.text
    assert source.broken


def test_zeros_between_the_blocks_and_after_the_end_of_a_gif_do_no_harm(tmp_path: Path):
    path = gif(tmp_path / "a.gif", [100] * 3)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes(3) + content[-1:] + bytes(9))
    source = VideoFile(path)
    assert len(everything(source)) == 3
    assert source.broken is None


def test_empty_packets_in_an_avi_are_no_missing_frames(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    source = VideoFile(with_empty_packets(film(tmp_path / "a.avi")))
    assert len(everything(source)) == 30
    assert source.broken is None
    assert not caplog.records


@pytest.mark.parametrize(
    ("claimed", "reason"), [(3.3, None), (5.0, "breaks off after frame 30 (2.9 s)")]
)
def test_a_length_that_is_only_estimated_is_no_missing_frame(
    tmp_path: Path, claimed: float, reason: str | None
):
    source = VideoFile(claiming(film(tmp_path / "a.flv", codec="FLV1"), claimed))
    assert len(everything(source)) == 30
    assert source.broken == reason


@pytest.mark.parametrize("name", ["a.txt", "a.png"])
def test_text_is_neither_a_picture_nor_a_video(tmp_path: Path, name: str):
    (tmp_path / name).write_text("What came today\n" * 300)
    with pytest.raises(MaskGateError, match=f"{name}: neither a picture nor a video"):
        everything(open_source(source_of(tmp_path / name)))


def test_a_video_whose_name_is_not_utf_8_is_refused_also_behind_a_link(tmp_path: Path):
    path = film(tmp_path / "a.avi").rename(tmp_path / os.fsdecode(b"caf\xe9.avi"))
    (tmp_path / "link.avi").symlink_to(path)
    for name in (path, tmp_path / "link.avi"):
        with pytest.raises(MaskGateError, match=r"caf\\xe9\.avi: its name is not UTF-8; rename"):
            VideoFile(name)


def test_an_mp4_without_its_index_is_refused(tmp_path: Path):
    path = cut(film(tmp_path / "a.mp4", codec="mp4v"), 0.6)
    with pytest.raises(MaskGateError, match=r"a\.mp4: neither a picture nor a video.*cut short"):
        open_source(source_of(path))


def test_what_is_no_video_is_refused_without_noise_from_the_libraries(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    path = tmp_path / "a.mp4"
    path.write_text("hello")
    with pytest.raises(MaskGateError, match=r"a\.mp4: neither a picture nor a video"):
        open_source(source_of(path))
    assert capfd.readouterr().err == ""


def test_a_colon_in_a_file_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    film(tmp_path / "a.avi").rename(tmp_path / "rec:10.avi")
    monkeypatch.chdir(tmp_path)
    assert len(everything(open_source(source_of("rec:10.avi")))) == 30
