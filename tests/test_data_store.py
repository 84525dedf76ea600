"""Faces are cut once, and what is kept is what a cut would give."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle import load_bundle
from edge.config import Detector
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.errors import MaskGateError
from edge.finder import detector_in
from edge.sources.pictures import read_picture
from train.data import dataset
from train.data.annotations import BARE, MASKED
from train.data.patches import collect_patches


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "maskgate"


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Two people, and a compressed copy of one."""
    folder = tmp_path / "crops"
    for label, portrait in ((BARE, COLLINS), (MASKED, HOPPER)):
        (folder / label).mkdir(parents=True)
        pixels = cv2.resize(read_picture(find_photo(portrait)), (200, 240))
        cv2.imwrite(str(folder / label / "1.png"), pixels[:, :, ::-1])
        if label == BARE:
            cv2.imwrite(str(folder / label / "2.jpg"), pixels[:, :, ::-1])
    return folder


def test_the_store_holds_what_cutting_gives(crops: Path, cache: Path) -> None:
    found = dataset.load_dataset([crops])
    settings = Detector(min_face=16)
    detector = detector_in(load_bundle(settings.bundle), settings)
    cut = list(collect_patches(found.annotations.faces, detector))
    assert len(cut) == len(found.patches)
    assert any(patch.landmarks for patch in cut)
    for kept, direct in zip(found.patches, cut, strict=True):
        np.testing.assert_array_equal(kept.pixels, direct.pixels)
        assert (kept.box, kept.photo_box, kept.label) == (
            direct.box,
            direct.photo_box,
            direct.label,
        )
        assert kept.landmarks == direct.landmarks
        assert kept.face == direct.face
    assert cache.stat().st_mode & 0o077 == 0


def test_pixels_are_views_of_one_mapped_file(crops: Path, cache: Path) -> None:
    assert not cache.exists()
    for patch in dataset.load_dataset([crops]).patches:
        base: object = patch.pixels
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap)


def test_a_copy_is_in_the_group_of_its_original(crops: Path, cache: Path) -> None:
    assert not cache.exists()
    found = dataset.load_dataset([crops])
    groups = [face.group for face in found.annotations.faces]
    assert groups[0] == groups[1] != groups[2]
    assert [(twin.kind, twin.first, twin.second) for twin in found.twins] == [("photo", 0, 1)]


def test_a_second_run_cuts_nothing(
    crops: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = dataset.load_dataset([crops])
    (kept,) = cache.iterdir()
    before = (kept / "pixels.u8").stat()
    monkeypatch.setattr(dataset, "collect_patches", None)
    monkeypatch.setattr(dataset, "check_rows", None)
    second = dataset.load_dataset([crops])
    assert second.fingerprint == first.fingerprint
    assert second.annotations == first.annotations
    assert second.twins == first.twins
    assert (kept / "pixels.u8").stat() == before


@pytest.mark.parametrize("change", ["picture", "group", "mapping"])
def test_other_data_are_cut_anew(crops: Path, cache: Path, change: str) -> None:
    dataset.load_dataset([crops])
    mapping = {}
    if change == "picture":
        path = crops / BARE / "1.png"
        cv2.imwrite(str(path), read_picture(path)[::-1])
    elif change == "group":
        (crops / "groups.csv").write_text(f"file,duplicate_group\n{BARE}/1.png,g1\n")
    else:
        mapping = {BARE: MASKED}
    found = dataset.load_dataset([crops], mapping=mapping)
    assert len(list(cache.iterdir())) == 2
    assert (found.annotations.faces[0].label == MASKED) == (change == "mapping")


@pytest.mark.parametrize("fault", ["pixels.u8", "index.json"])
def test_a_cache_that_is_not_whole_is_made_again(crops: Path, cache: Path, fault: str) -> None:
    first = dataset.load_dataset([crops])
    (kept,) = cache.iterdir()
    content = (kept / fault).read_bytes()
    # Another file, for the first data set still maps the old one.
    (kept / fault).unlink()
    (kept / fault).write_bytes(content[: len(content) // 2])
    second = dataset.load_dataset([crops])
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(second.patches[-1].pixels, first.patches[-1].pixels)


def test_a_process_killed_half_way_leaves_no_cache_that_is_used(crops: Path, cache: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from train.data import dataset, store\n"
        "finish = store.Writer.finish\n"
        "def wait(*_): print('cut', flush=True); time.sleep(60)\n"
        "store.Writer.finish = wait\n"
        "dataset.load_dataset([Path(sys.argv[1])])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(crops)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "cut\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    (part,) = cache.iterdir()
    assert part.name.startswith("part-")
    found = dataset.load_dataset([crops])
    assert len(found.annotations.faces) == 3
    assert part.exists()  # it may belong to a process that is still at work
    for path in (part, *part.iterdir()):
        os.utime(path, (time.time() - 2 * 24 * 3600,) * 2)
    (crops / BARE / "2.jpg").unlink()
    dataset.load_dataset([crops])
    assert not part.exists()


def test_two_processes_at_once_both_get_the_faces(crops: Path, cache: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from train.data.dataset import load_dataset\n"
        "print(load_dataset([Path(sys.argv[1])]).fingerprint)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(crops)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=100)[0] for process in processes]
    assert outputs[0] == outputs[1] != ""
    assert len(list(cache.iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_told_in_one_line(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(MaskGateError, match=r"cannot be written .* set XDG_CACHE_HOME"):
        dataset.load_dataset([crops])


def test_too_much_skipped_stops_before_and_after_the_cache(crops: Path, cache: Path) -> None:
    (crops / BARE / "3.png").write_bytes(b"no picture")
    with pytest.raises(MaskGateError, match="picture cannot be read: 1"):
        dataset.load_dataset([crops])
    assert not cache.exists()
    assert len(dataset.load_dataset([crops], allow_skipped=True).annotations.skipped) == 1
    with pytest.raises(MaskGateError, match="picture cannot be read: 1"):
        dataset.load_dataset([crops])


def test_data_without_a_face_are_refused(tmp_path: Path, cache: Path) -> None:
    assert not cache.exists()
    (tmp_path / "empty" / MASKED).mkdir(parents=True)
    with pytest.raises(MaskGateError, match="found none"):
        dataset.load_dataset([tmp_path / "empty"])
