import os
import socket
import struct
import sys
import types
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.config import Camera
from edge.errors import MaskGateError
from edge.sources.opening import open_source
from edge.sources.picamera import READ_LIMIT
from edge.sources.pictures import Pictures, pictures_in, read_picture
from edge.sources.source import Source, SourceAway
from edge.sources.stream import masked
from edge.sources.video import VideoFile
from edge.values import Pixels

ORANGE = (250, 120, 30)
"""A colour whose three parts differ, so that a wrong order shows."""


def picture(width: int = 64, height: int = 48) -> Pixels:
    """Noise below an orange left half."""
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    pixels[:, : width // 2] = ORANGE
    return pixels


def save(path: Path, pixels: Pixels) -> Path:
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return path


def film(path: Path, frames: int = 30, rate: float = 10, codec: str = "MJPG") -> Path:
    """A video whose frames are grey of brightness 8 x number."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (64, 48))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(np.full((48, 64, 3), 8 * number, np.uint8))
    writer.release()
    return path


def gif(path: Path, durations: list[int]) -> Path:
    pictures = [Image.new("RGB", (64, 48), (20 * n, 99, 0)) for n in range(len(durations))]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return path


def cut(path: Path, share: float) -> Path:
    """The same file with its end missing."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def with_empty_packets(path: Path) -> Path:
    """The same AVI at twice the rate, with an empty packet after each frame, and no index."""
    content = path.read_bytes()
    movi = content.index(b"movi") + 4
    head = bytearray(content[:movi])
    stream = head.index(b"strh") + 8
    for offset in (24, 32):  # dwRate, dwLength
        [value] = struct.unpack_from("<I", head, stream + offset)
        struct.pack_into("<I", head, stream + offset, 2 * value)
    chunks, at = b"", movi
    while content[at : at + 4] == b"00dc":
        end = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        end += end % 2
        chunks += content[at:end] + b"00dc" + bytes(4)
        at = end
    struct.pack_into("<I", head, movi - 8, 4 + len(chunks))
    path.write_bytes(head + chunks)
    return path


def claiming(path: Path, seconds: float) -> Path:
    """The same FLV with another length in its metadata."""
    content = bytearray(path.read_bytes())
    struct.pack_into(">d", content, content.index(b"duration\0") + 9, seconds)
    path.write_bytes(content)
    return path


def source_of(text: object) -> Camera:
    return Camera(source=str(text))


def everything(source: Source) -> list[Pixels]:
    found = []
    while (pixels := source.read()) is not None:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.flags.c_contiguous
        found.append(pixels)
    source.close()
    return found


# Pictures


def test_a_picture_is_read_as_red_green_blue(tmp_path: Path):
    path = save(tmp_path / "a.png", picture())
    pixels = read_picture(path)
    assert np.array_equal(pixels, picture())
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize(
    ("mode", "size", "shown"),
    [
        ("L", (40, 30), (149, 149, 149)),
        ("RGBA", (40, 30), ORANGE),
        ("P", (40, 30), ORANGE),
        ("RGB", (1, 1), ORANGE),
    ],
)
def test_grey_transparent_palette_and_tiny_pictures_become_rgb(
    tmp_path: Path, mode: str, size: tuple[int, int], shown: tuple[int, ...]
):
    path = tmp_path / "a.png"
    whole = Image.new("RGB", size, ORANGE)
    whole.convert(mode, palette=Image.Palette.ADAPTIVE).save(path)
    pixels = read_picture(path)
    assert pixels.shape == (size[1], size[0], 3)
    assert pixels.dtype == np.uint8
    assert np.allclose(pixels[0, 0], shown, atol=1)


def test_a_16_bit_picture_keeps_its_brightness(tmp_path: Path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((4, 4), 0x80FF, np.uint16))
    assert read_picture(path)[0, 0].tolist() == [0x80, 0x80, 0x80]


def test_an_8k_picture_is_read(tmp_path: Path):
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), np.zeros((4320, 7680), np.uint8))
    assert read_picture(path).shape == (4320, 7680, 3)


def test_the_orientation_that_a_camera_noted_is_applied(tmp_path: Path):
    path = tmp_path / "a.jpg"
    noted = Image.Exif()
    noted[0x0112] = 6  # to be turned by 90 degrees clockwise to be upright
    Image.fromarray(picture(64, 48)).save(path, exif=noted, quality=95)
    pixels = read_picture(path)
    assert pixels.shape == (64, 48, 3)
    assert np.allclose(pixels[5, 24], ORANGE, atol=20)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_picture_that_was_cut_short_is_refused_by_name(tmp_path: Path, suffix: str, share: float):
    path = cut(save(tmp_path / f"a{suffix}", picture()), share)
    with pytest.raises(MaskGateError, match=f"a{suffix}.*cut short"):
        read_picture(path)


def test_a_thumbnail_does_not_hide_that_a_jpeg_was_cut_short(tmp_path: Path):
    whole = save(tmp_path / "a.jpg", picture()).read_bytes()
    thumbnail = b"\xff\xe1" + (len(whole) + 2).to_bytes(2, "big") + whole
    path = tmp_path / "b.jpg"
    path.write_bytes(whole[:2] + thumbnail + whole[2:])
    assert read_picture(path).shape == (48, 64, 3)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(MaskGateError, match="its end is missing"):
        read_picture(path)


def test_bytes_after_the_end_of_a_jpeg_do_no_harm(tmp_path: Path):
    path = save(tmp_path / "a.jpg", picture())
    path.write_bytes(path.read_bytes() + b"\xff\xda a film" * 10)
    assert read_picture(path).shape == (48, 64, 3)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8", b"\xff\xd8\xff\xff\xff"])
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, content: bytes):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(MaskGateError, match=r"a\.jpg"):
        read_picture(path)


def test_a_missing_picture_is_refused_by_name(tmp_path: Path):
    with pytest.raises(MaskGateError, match=r"gone\.jpg: No such file"):
        read_picture(tmp_path / "gone.jpg")


def test_an_empty_picture_is_called_empty(tmp_path: Path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(MaskGateError, match=r"a\.jpg: empty"):
        read_picture(tmp_path / "a.jpg")
    with pytest.raises(MaskGateError, match=r"a\.jpg: empty"):
        open_source(source_of(tmp_path / "a.jpg"))


def test_a_pipe_is_no_picture(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MaskGateError, match="pipe: not a file"):
        read_picture(tmp_path / "pipe")


def test_a_picture_that_may_not_be_read_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(path: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))

    # The administrator, who may run the tests, may read everything.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(MaskGateError, match=r"a\.png: permission denied; .*chmod a\+r"):
        read_picture(save(tmp_path / "a.png", picture()))


# Folders


def test_a_folder_shows_its_pictures_by_name_and_skips_the_rest(tmp_path: Path):
    save(tmp_path / "b.png", np.full((4, 4, 3), 20, np.uint8))
    save(tmp_path / "a.JPG", np.full((4, 4, 3), 10, np.uint8))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "._a.jpg").write_text("what macOS leaves behind")
    (tmp_path / "folder.png").mkdir()
    source = open_source(source_of(tmp_path))
    assert isinstance(source, Pictures)
    assert [int(pixels[0, 0, 0]) for pixels in everything(source)] == [10, 20]
    assert source.unreadable == 0
    assert (source.interval, source.live) == (1.0, False)


def test_an_unreadable_picture_in_a_folder_is_named_counted_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / name, picture())
    cut(tmp_path / "b.png", 0.5)
    source = Pictures(pictures_in(tmp_path))
    assert len(everything(source)) == 2
    assert source.unreadable == 1
    assert source.broken == "1 of 3 pictures could not be read"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "b.png" in caplog.text


def test_a_picture_whose_name_is_not_utf_8_is_skipped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    save(tmp_path / "a.png", picture())
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(whole)
    source = Pictures(pictures_in(tmp_path))
    assert len(everything(source)) == 1
    assert source.unreadable == 1
    assert "caf\\xe9.png: its name is not UTF-8; rename it" in caplog.text


def test_a_folder_of_unreadable_pictures_is_an_error(tmp_path: Path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(MaskGateError, match="not one of its 2 pictures"):
        everything(open_source(source_of(tmp_path)))


def test_an_empty_folder_is_an_error(tmp_path: Path):
    with pytest.raises(MaskGateError, match="no pictures in it"):
        open_source(source_of(tmp_path))


def test_a_single_picture_is_one_frame_whatever_its_name(tmp_path: Path):
    path = save(tmp_path / "a.png", picture()).rename(tmp_path / "snapshot")
    source = open_source(source_of(path))
    assert isinstance(source, Pictures)
    assert len(everything(source)) == 1


def test_a_single_picture_that_was_cut_short_is_refused_on_opening(tmp_path: Path):
    path = cut(save(tmp_path / "a.png", picture()), 0.5)
    with pytest.raises(MaskGateError, match="cut short"):
        open_source(source_of(path))


# Videos


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


# What is not there


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a" * 300, "File name too long"),
        ("~nobody-of-this-name/a.mp4", "source ~nobody-of-this-name"),
        ("gone.mp4", r"gone\.mp4: no such file or folder; expected demo, a video"),
        ("ftp://camera/a", r"ftp://camera/a: unknown kind of URL; expected demo"),
        ("rtsp://", r"not a camera's URL; expected rtsp://"),
        ("rtsp://camera:port/", r"not a camera's URL"),
        ("http://[::1/", r"not a camera's URL"),
    ],
)
def test_a_source_that_can_never_be_is_refused_with_what_is_expected(text: str, says: str):
    with pytest.raises(MaskGateError, match=says) as raised:
        open_source(source_of(text))
    assert not isinstance(raised.value, SourceAway)


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MaskGateError, match="neither a file nor a folder"):
        open_source(source_of(tmp_path / "pipe"))


@pytest.mark.parametrize("text", ["97", "/dev/video97"])
def test_a_camera_that_is_not_there_may_come(text: str):
    with pytest.raises(SourceAway, match=r"/dev/video97: not there \(cameras here: .*plugged in"):
        open_source(source_of(text))


def test_a_device_that_is_no_camera_is_named():
    with pytest.raises(SourceAway, match="/dev/null: gives no pictures"):
        open_source(source_of("/dev/null"))


def test_a_network_camera_that_is_off_may_come_back():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(SourceAway, match=r"cannot connect .*refused") as raised:
        open_source(source_of(f"rtsp://admin:secret@127.0.0.1:{port}/live"))
    assert "secret" not in str(raised.value)
    assert f"rtsp://admin:***@127.0.0.1:{port}/live" in str(raised.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://10.0.0.7:8554/live", "rtsp://10.0.0.7:8554/live"),
        ("rtsp://admin@cam/live", "rtsp://admin@cam/live"),
        ("rtsp://admin:secret@cam/live", "rtsp://admin:***@cam/live"),
        ("rtsp://admin:se@c/re#t@cam/live", "rtsp://admin:***@cam/live"),
        ("http://cam/v.mjpg?user=a&pwd=secret", "http://cam/v.mjpg?***"),
        ("rtsp://cam/user=a&password=secret&channel=1", "rtsp://cam/user=a&password=***&channel=1"),
    ],
)
def test_no_message_shows_a_cameras_password(url: str, shown: str):
    assert masked(url) == shown


@pytest.mark.parametrize("password", ["Zq#7K", "Zq?7K", "Zq@7K"])
def test_a_password_that_breaks_the_url_is_not_shown_either(password: str):
    with pytest.raises(MaskGateError) as raised:
        open_source(source_of(f"rtsp://127.0.0.1:{password}@127.0.0.1:1/"))
    assert "Zq" not in str(raised.value)
    assert "7K" not in str(raised.value)


# picamera2


class StandInCamera:
    """Has picamera2's methods with their parameters, and its way to lay out pictures in memory."""

    scene = np.full((48, 62, 3), ORANGE, np.uint8)
    hangs = False
    refuses = False

    def __init__(
        self,
        camera_num: int = 0,
        verbose_console: Any = None,  # noqa: ARG002
        tuning: Any = None,  # noqa: ARG002
        allocator: Any = None,  # noqa: ARG002
    ) -> None:
        self.number = camera_num
        self.calls: list[str] = []
        self.config: dict[str, Any] = {}

    def create_video_configuration(
        self,
        main: dict[str, Any],
        lores: dict[str, Any] | None = None,
        raw: dict[str, Any] | None = None,
        transform: Any = None,  # noqa: ARG002
        colour_space: Any = None,  # noqa: ARG002
        buffer_count: int = 6,
        controls: dict[str, Any] | None = None,
        display: str = "main",  # noqa: ARG002
        encode: str = "main",  # noqa: ARG002
        queue: bool = True,  # noqa: ARG002, FBT001, FBT002
        sensor: dict[str, Any] | None = None,  # noqa: ARG002
        use_case: str = "video",
    ) -> dict[str, Any]:
        streams = {"main": main, "lores": lores, "raw": raw}
        return {"use_case": use_case, "buffer_count": buffer_count, "controls": controls, **streams}

    def configure(self, camera_config: dict[str, Any]) -> None:
        width, height = camera_config["main"]["size"]
        if width % 2 or height % 2 or self.refuses:
            raise RuntimeError("Invalid camera configuration")
        self.config = camera_config
        self.calls.append("configure")

    def start(self, config: Any = None, show_preview: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        assert self.config
        self.calls.append("start")

    def capture_array(
        self, name: str = "main", wait: Any = None, signal_function: Any = None
    ) -> Pixels:
        assert (name, wait, signal_function) == ("main", READ_LIMIT, None)
        if self.hangs:
            raise FutureTimeout
        order = {"RGB888": slice(None, None, -1), "BGR888": slice(None)}
        height, width = self.scene.shape[:2]
        # Rows begin at multiples of 64 bytes, and what is between them is anything.
        buffer = np.full((height, -(-width * 3 // 64) * 64), 77, np.uint8)
        row = self.scene[..., order[self.config["main"]["format"]]].reshape(height, width * 3)
        buffer[:, : width * 3] = row
        return buffer[:, : width * 3].reshape(height, width, 3)

    def cancel_all_and_flush(self) -> None:
        self.calls.append("cancel_all_and_flush")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def picamera2(monkeypatch: pytest.MonkeyPatch):
    """Installs the stand-in as the package picamera2; gives the cameras made."""
    made: list[StandInCamera] = []

    def make(*options: Any) -> StandInCamera:
        made.append(StandInCamera(*options))
        return made[-1]

    package = types.ModuleType("picamera2")
    monkeypatch.setattr(package, "Picamera2", make, raising=False)
    monkeypatch.setitem(sys.modules, "picamera2", package)
    return made


def test_the_ribbon_camera_gives_red_green_blue_at_the_size_and_rate_asked(
    picamera2: list["StandInCamera"],
):
    source = open_source(Camera(source="picamera2", width=641, height=480, rate=20))
    pixels = source.read()
    assert np.array_equal(pixels, StandInCamera.scene)
    assert pixels.flags.c_contiguous
    assert (source.interval, source.live) == (0.0, True)
    source.close()
    [camera] = picamera2
    assert camera.config["main"]["size"] == (640, 480)
    assert camera.config["controls"] == {"FrameDurationLimits": (50_000, 50_000)}
    assert camera.calls == ["configure", "start", "stop", "close"]


@pytest.mark.parametrize(("text", "number"), [("picamera2", 0), ("picamera2:1", 1)])
def test_the_second_ribbon_camera_is_named_by_its_number(
    picamera2: list["StandInCamera"], text: str, number: int
):
    open_source(source_of(text))
    assert picamera2[0].number == number


def test_a_ribbon_camera_that_hangs_is_let_go(picamera2: list["StandInCamera"]):
    source = open_source(source_of("picamera2"))
    [camera] = picamera2
    camera.hangs = True
    assert source.read() is None
    source.close()
    assert camera.calls == ["configure", "start", "cancel_all_and_flush", "stop", "close"]


def test_settings_that_the_ribbon_camera_refuses_are_named(
    picamera2: list["StandInCamera"], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(StandInCamera, "refuses", True)
    with pytest.raises(MaskGateError, match=r"refuses 640 x 480.*set its width") as raised:
        open_source(source_of("picamera2"))
    assert not isinstance(raised.value, SourceAway)
    assert picamera2[0].calls == ["close"]


def test_without_a_ribbon_camera_the_cable_is_named(monkeypatch: pytest.MonkeyPatch):
    def none(_number: int) -> NoReturn:
        raise RuntimeError("Camera __init__ sequence did not complete.")

    package = types.ModuleType("picamera2")
    monkeypatch.setattr(package, "Picamera2", none, raising=False)
    monkeypatch.setitem(sys.modules, "picamera2", package)
    with pytest.raises(SourceAway, match="ribbon cable"):
        open_source(source_of("picamera2"))


def test_without_picamera2_the_way_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(MaskGateError, match=r"apt install python3-picamera2.*--system-site-pack"):
        open_source(source_of("picamera2"))
