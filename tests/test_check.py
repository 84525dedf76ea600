"""`maskgate check` and the command line's manners."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.cli import main


def check(tmp_path: Path, text: str) -> Result:
    file = tmp_path / "maskgate.toml"
    file.write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, ["check", "--config", str(file)])


def test_the_defaults_are_all_right() -> None:
    done = CliRunner().invoke(main, ["check"])
    assert (done.exit_code, done.output) == (0, "the defaults: all right\n")


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    done = check(
        tmp_path,
        "[cameras.entrance]\nsource = 'nowhere.mp4'\n"
        "[broker]\nurl = 'mqtt://me@localhost'\npassword_file = 'no-password'\n"
        "[detector]\nbundle = 'no-detector'\n[classifier]\nbundle = 'no-classifier'\n",
    )
    assert done.exit_code == 2
    for thing in ("nowhere.mp4", "no-password", "no-detector", "no-classifier"):
        assert thing in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "--source", "nowhere.mp4"], "nowhere.mp4: no such file or folder"),
        (["run", "--broker", "localhost"], "broker.url: expected mqtt://"),
        (["run", "--broker", "mqtt://me:s3cret@localhost"], "a password must not stand in the URL"),
        (["run", "--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["run", "--save", "seen.avi", "--once"], "expected a name that ends in .mp4"),
        (["run", "--seconds", "-1"], "--seconds"),
        (["run", "--seconds", "nan"], "nan is no number of seconds"),
        (["predict", "--out", "x.csv"], "PATHS"),
        (["observe"], "No such command 'observe'"),
    ],
)
def test_a_wrong_call_ends_with_code_2_and_says_why(words: list[str], expected: str) -> None:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert expected in done.output
    assert "s3cret" not in done.output
    assert "Traceback" not in done.output


def test_violations_that_the_bundle_cannot_find_are_refused(tmp_path: Path) -> None:
    done = check(tmp_path, "[decision]\nviolations = ['face_with_mask_incorrect']\n")
    assert done.exit_code == 2
    assert "there would never be an alert" in done.output


def test_a_source_that_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    done = CliRunner().invoke(main, ["run", "--source", str(tmp_path / "text.mp4"), "--once"])
    assert done.exit_code == 2
    assert "text.mp4" in done.output
