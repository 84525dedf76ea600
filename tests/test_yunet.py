"""The detector of kind yunet: faces from OpenCV's class, and its faults in one line each."""

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge.bundle import MODELS
from edge.chain import Chain
from edge.cli import main
from edge.config import Detector, Settings
from edge.demo.portraits import COLLINS, HOPPER, Portrait, find_photo
from edge.errors import MaskGateError
from edge.finder import detector_bundle, open_detector
from edge.loading import load_settings
from edge.nets import OpenNets
from edge.sources.pictures import read_picture
from edge.values import Face, Frame, Pixels
from edge.vision.yunet import YuNet
from tests.bundles import new_key, trusting
from tests.tiny_yunet import write_tiny_yunet


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_yunet(tmp_path / "tiny.onnx")


def picture(*squares: tuple[int, int, int], size: tuple[int, int] = (300, 200)) -> Pixels:
    """Squares of 8 pixels, each with its left, top and brightness, on black."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, brightness in squares:
        pixels[top : top + 8, left : left + 8] = brightness
    return pixels


def yunet(file: Path, **fields: object) -> YuNet:
    return YuNet(Detector.model_validate({"kind": "yunet", "file": file, "min_face": 12, **fields}))


def corners(face: Face) -> tuple[float, float, float, float]:
    return face.box.left, face.box.top, face.box.right, face.box.bottom


def test_a_face_has_its_box_its_points_and_its_score(tiny: Path) -> None:
    [face] = yunet(tiny).detect(picture((160, 96, 204)))
    # 5 x 6 cells of 8 pixels, around the middle of the square.
    assert corners(face) == pytest.approx((144, 76, 184, 124), abs=0.01)
    assert face.score == pytest.approx(0.8, abs=0.01)
    points = face.landmarks
    assert points.left_eye == pytest.approx((152, 88))
    assert points.right_eye == pytest.approx((176, 88))
    assert points.nose == pytest.approx((164, 100))
    assert points.mouth_left == pytest.approx((154, 112))
    assert points.mouth_right == pytest.approx((174, 112))


def test_the_surest_face_comes_first(tiny: Path) -> None:
    faces = yunet(tiny).detect(picture((40, 96, 180), (160, 96, 250), (240, 96, 200)))
    assert [round(face.box.centre[0]) for face in faces] == [164, 244, 44]


def test_frames_of_any_size_are_searched_and_boxes_end_at_their_edges(tiny: Path) -> None:
    detector = yunet(tiny)
    [corner] = detector.detect(picture((0, 0, 250), size=(61, 47)))
    assert corners(corner) == pytest.approx((0, 0, 24, 28), abs=0.01)
    assert corner.landmarks.left_eye == pytest.approx((-8, -8))
    [other] = detector.detect(picture((96, 96, 250), size=(110, 115)))
    assert corners(other) == pytest.approx((80, 76, 110, 115), abs=0.01)
    assert detector.detect(picture(size=(7, 5))) == []


def test_smaller_faces_are_passed_over(tiny: Path) -> None:
    assert len(yunet(tiny, min_face=48).detect(picture((160, 96, 250)))) == 1
    assert yunet(tiny, min_face=49).detect(picture((160, 96, 250))) == []


def test_doubtful_faces_are_passed_over(tiny: Path) -> None:
    pixels = picture((160, 96, 180))
    assert len(yunet(tiny, score_threshold=0.69).detect(pixels)) == 1
    assert yunet(tiny, score_threshold=0.72).detect(pixels) == []


def test_the_time_inside_the_net_is_counted(tiny: Path) -> None:
    detector = yunet(tiny)
    detector.detect(picture((160, 96, 250)))
    once = detector.invoke_seconds
    detector.detect(picture((160, 96, 250)))
    assert detector.invoke_seconds > once > 0


@pytest.mark.parametrize("content", [b"", b"no model" * 100, "no boxes", "cut off"])
def test_a_file_that_is_no_yunet_is_refused_in_one_line(
    content: bytes | str, tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if content == "no boxes":
        write_tiny_yunet(tiny, heads=("cls", "obj"))
    else:
        tiny.write_bytes(tiny.read_bytes()[:3000] if isinstance(content, str) else content)
    with pytest.raises(MaskGateError, match=r"tiny\.onnx: expected a YuNet in ONNX form") as caught:
        yunet(tiny)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["nowhere.onnx", "."])
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match=r"detector\.file .*: cannot be read"):
        yunet(tmp_path / name)


# Settings


def configured(folder: Path, text: str) -> Path:
    file = folder / "maskgate.toml"
    file.write_text(f"[detector]\naccelerator = 'cpu'\n{text}\n[classifier]\naccelerator = 'cpu'\n")
    return file


def check(file: Path) -> Result:
    return CliRunner().invoke(main, ["check", "--config", str(file)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind = 'yunet'", 'detector.file: kind "yunet" needs the path of a YuNet in ONNX form'),
        (
            "file = 'x.onnx'",
            'detector.file: kind "maskgate" has its nets in a bundle; set detector.ki',
        ),
        ("kind = 'yunet'\nfile = 'x.onnx'", "detector.file x.onnx: cannot be read (No such file"),
        (
            "kind = 'yunet'\nfile = 'x.onnx'\nbundle = 'x'",
            'detector.bundle: kind "yunet" has no bundle; set detector.file, or another kind',
        ),
        ("factor = 0.7", 'detector.factor: only kind "mtcnn" has it, and the kind is "maskgate"'),
        (
            "thresholds = [0.6, 0.7, 0.8]",
            'detector.thresholds: only kind "mtcnn" has it, and the kind is "maskgate"',
        ),
        (
            "kind = 'mtcnn'\nscore_threshold = 0.7",
            'detector.score_threshold: kind "mtcnn" has three nets; set detector.thresholds',
        ),
        (
            "kind = 'yolo'",
            ("detector.kind: expected 'maskgate' or 'mtcnn' or 'yunet', found 'yolo'"),
        ),
    ],
)
def test_check_says_in_one_line_what_does_not_go_together(
    text: str, expected: str, tmp_path: Path
) -> None:
    done = check(configured(tmp_path, text))
    assert done.exit_code == 2
    # The file that is missing besides is told in a line of its own.
    assert [expected in line for line in done.output.splitlines()].count(True) == 1


def test_a_yunet_runs_on_the_cpu_only(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "maskgate.toml"
    file.write_text(f"[detector]\nkind = 'yunet'\nfile = '{tiny}'\naccelerator = 'gpu'\n")
    assert 'detector.accelerator: kind "yunet" runs on the CPU' in check(file).output


def test_check_takes_a_yunet(tiny: Path, tmp_path: Path) -> None:
    done = check(configured(tmp_path, f"kind = 'yunet'\nfile = '{tiny}'"))
    assert (done.exit_code, done.output.count("\n")) == (0, 1)
    assert done.output.endswith("all right\n")


def test_each_kind_of_nets_has_its_bundle_unless_another_is_set(tmp_path: Path) -> None:
    for kind in ("maskgate", "mtcnn"):
        settings = load_settings(configured(tmp_path, f"kind = '{kind}'"))
        assert settings.detector.bundle == MODELS / kind
    assert load_settings(configured(tmp_path, "bundle = 'mine'")).detector.bundle == Path("mine")


def test_a_device_that_runs_nothing_unsigned_runs_no_yunet(tiny: Path, tmp_path: Path) -> None:
    settings = trusting(
        tmp_path, new_key(tmp_path, "mine"), detector={"kind": "yunet", "file": tiny}
    )
    with pytest.raises(MaskGateError, match="nobody can sign"):
        detector_bundle(settings)


# The commands


def settings_with(file: Path, folder: Path, **fields: object) -> Settings:
    detector = {"kind": "yunet", "file": file, **fields}
    return Settings.model_validate(
        {
            "detector": detector,
            "classifier": {"accelerator": "cpu"},
            "outbox": {"path": folder / "outbox.sqlite"},
        }
    )


def test_the_chain_follows_its_faces_and_searches_whole_frames_or_none(
    tiny: Path, tmp_path: Path
) -> None:
    settings = settings_with(tiny, tmp_path, min_face=12)
    nets = OpenNets(settings)
    chain = Chain(nets, settings)
    looks, people = [], []
    for number in range(40):
        left = 8 * (number - 20)
        pixels = picture((left, 96, 250)) if number >= 20 else picture()
        outcome = chain.process(Frame(pixels, "door", number, number / 15, number / 15))
        looks.append(outcome.look)
        people.append(len(outcome.people))
    assert {look.regions for look in looks} == {None, ()}
    assert looks[15].regions == ()
    assert looks[21].reason == "moved"
    assert people[15] == 0
    assert people[35] == 1
    assert nets.invoke_seconds > 0


@pytest.mark.slow
def test_probe_and_bench_have_nothing_to_choose_for_it(tiny: Path, tmp_path: Path) -> None:
    file = configured(tmp_path, f"kind = 'yunet'\nfile = '{tiny}'")
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    done = CliRunner().invoke(main, ["probe", "--config", str(file)], env=environment)
    assert done.exit_code == 0
    assert "detector  yunet, which OpenCV runs on the CPU" in done.output
    assert "classifier  compact" in done.output
    words = ["bench", "--config", str(file), "--threads", "1"]
    done = CliRunner().invoke(main, words, env=environment)
    assert done.exit_code == 0
    assert "compact" in done.output
    assert "mtcnn" not in done.output


def test_photos_are_searched_with_it(tiny: Path, tmp_path: Path) -> None:
    file = configured(tmp_path, f"kind = 'yunet'\nfile = '{tiny}'")
    out = tmp_path / "seen.csv"
    words = ["predict", str(find_photo(HOPPER)), "--config", str(file), "--out", str(out)]
    done = CliRunner().invoke(main, words, env={"XDG_STATE_HOME": str(tmp_path)})
    assert done.exit_code == 0, done.output
    assert out.read_text().count("\n") > 1  # its bright places


# A real one


@pytest.mark.skipif("YUNET" not in os.environ, reason="YUNET names no file of a real YuNet")
@pytest.mark.parametrize("portrait", [COLLINS, HOPPER])
def test_a_real_one_finds_the_face_with_its_points_in_order(
    portrait: Portrait, tmp_path: Path
) -> None:
    settings = settings_with(Path(os.environ["YUNET"]), tmp_path)
    pixels = read_picture(find_photo(portrait))
    found = open_detector(None, settings, gated=True).detect(pixels)
    bundle = detector_bundle(Settings())
    assert bundle is not None
    [expected] = open_detector(bundle, Settings(), gated=False, patient=False).detect(pixels)
    [face] = [face for face in found if face.box.overlap(expected.box) > 0.6]
    for name in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right"):
        place, other = getattr(face.landmarks, name), getattr(expected.landmarks, name)
        assert place == pytest.approx(other, abs=0.1 * expected.box.width)
