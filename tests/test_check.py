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


def test_what_is_wrong_in_a_key_hides_nothing_of_the_files_that_the_others_name(
    tmp_path: Path,
) -> None:
    done = check(
        tmp_path,
        "[detector]\nmin_fase = 3\nbundle = 'no-detector'\n[cameras.door]\nsource = 'nowhere.mp4'\n"
        "[tracking]\nreach = -1\n",
    )
    lines = done.output.splitlines()
    at = f"settings {tmp_path / 'maskgate.toml'}: "
    for line, expected in zip(
        lines,
        (
            f"Error: {at}unknown key detector.min_fase; did you mean min_face?",
            f"{at}tracking.reach: input should be greater than 0",
            f"{at}detector.bundle: bundle no-detector: cannot read manifest.json",
            f"{at}cameras.door.source: source nowhere.mp4: no such file or folder",
        ),
        strict=True,
    ):
        assert line.startswith(expected)
    assert done.exit_code == 2


def certificate(folder: Path, name: str, begins: int, ends: int) -> Path:
    """A certificate that is valid from so many days from now on, to so many."""
    from datetime import datetime, timedelta, timezone

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding

    key, now = Ed25519PrivateKey.generate(), datetime.now(timezone.utc)
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
        .sign(key, None)
    )
    path = folder / name
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("begins", "ends", "code", "expected"),
    [
        (-10, 100, 0, "all right"),
        (-10, -1, 2, "expired on 20"),
        (1, 100, 2, "not valid before 20"),
        (-10, 5, 0, "Warning: settings"),
    ],
)
def test_a_certificate_that_has_expired_is_a_fault_and_one_that_will_a_warning(
    tmp_path: Path, begins: int, ends: int, code: int, expected: str
) -> None:
    ca = certificate(tmp_path, "ca.pem", begins, ends)
    done = check(tmp_path, f"[updates]\nca_file = '{ca}'\n")
    assert done.exit_code == code
    assert expected in done.output
    if code or "Warning" in expected:
        assert f"updates.ca_file: {ca}: " in done.output


def test_a_password_that_everyone_can_read_is_a_fault(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    text = f"[broker]\nurl = 'mqtt://me@localhost'\npassword_file = '{password}'\n"
    password.chmod(0o644)
    done = check(tmp_path, text)
    assert done.exit_code == 2
    assert f"broker.password_file: {password}: every user of this machine can read" in done.output
    assert "s3cret" not in done.output
    password.chmod(0o640)
    assert check(tmp_path, text).exit_code == 0


def test_a_camera_that_is_not_there_is_a_fault_and_a_host_that_does_not_answer_a_warning(
    tmp_path: Path,
) -> None:
    done = check(
        tmp_path,
        "[cameras.usb]\nsource = '/dev/video97'\n"
        "[cameras.net]\nsource = 'rtsp://me:s3cret@no-such-host.invalid/live'\n",
    )
    assert done.exit_code == 2
    assert "Error: settings" in done.output
    assert "cameras.usb.source: camera /dev/video97: not there" in done.output
    assert "Warning: settings" in done.output
    assert "s3cret" not in done.output
