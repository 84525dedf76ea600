"""Pictures, alone and in folders, as frames; and what is none."""

import os
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.errors import MaskGateError
from edge.sources.opening import open_source
from edge.sources.pictures import Pictures, pictures_in, read_picture
from tests.media import (
    ORANGE,
    cut,
    everything,
    picture,
    save,
    source_of,
)


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
