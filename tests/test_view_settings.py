"""The section [view]: what it takes to be open to others."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.cli import main
from edge.config import View


@pytest.fixture
def check(tmp_path: Path) -> Callable[[str], Result]:
    def run(text: str) -> Result:
        file = tmp_path / "maskgate.toml"
        file.write_text(f"[view]\n{text}\n", encoding="utf-8")
        return CliRunner().invoke(main, ["check", "--config", str(file)])

    return run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("address = '0.0.0.0'", "view.password_file: view.address 0.0.0.0 is open to others"),
        ("address = '::'", "view.password_file: view.address :: is open to others"),
        ("address = '192.168.7.5'\nenabled = true", "name a file whose first line is a password"),
        ("address = 'localhost'", "view.address: expected an IP address"),
        ("address = ''", "view.address: expected an IP address"),
        ("port = 65536", "view.port"),
        ("port = -1", "view.port"),
        ("names = ['door.example:8790']", "view.names.0"),
        ("names = ['*']", "view.names.0"),
        ("cert_file = 'cert.pem'", "view.cert_file and view.key_file go together"),
        ("key_file = 'key.pem'", "view.cert_file and view.key_file go together"),
        ("pixelate = 'sometimes'", "view.pixelate"),
        ("pixellate = true", "unknown key view.pixellate; did you mean pixelate?"),
        ("password_file = 'nowhere'", "view.password_file nowhere: No such file"),
        ("cert_file = 'no.pem'\nkey_file = 'no.key'", "view.cert_file no.pem: No such file"),
    ],
)
def test_what_is_wrong_is_refused_with_its_key(
    check: Callable[[str], Result], text: str, expected: str
) -> None:
    done = check(text)
    assert done.exit_code == 2
    assert expected in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "its first line is empty"),
        (b"\nsecond line", "its first line is empty"),
        (b"seven77\n", "has 7 characters; expected a password of 8 to 1024"),
        (b"x" * 1025, "has 1025 characters"),
        (b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "is not UTF-8 text"),
    ],
)
def test_a_password_that_is_none_is_refused(
    check: Callable[[str], Result], tmp_path: Path, content: bytes, expected: str
) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    done = check(f"address = '0.0.0.0'\npassword_file = '{file}'")
    assert done.exit_code == 2
    assert f"view.password_file {file}" in done.output
    assert expected in done.output
    assert "seven77" not in done.output


def test_a_password_makes_an_open_address_all_right(
    check: Callable[[str], Result], tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    file.chmod(0o600)
    assert check(f"address = '0.0.0.0'\npassword_file = '{file}'").exit_code == 0


def test_a_key_with_a_passphrase_is_refused_and_none_is_asked_for(
    check: Callable[[str], Result], tmp_path: Path, certificates: Path
) -> None:
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", certificates / "server.key", "-aes256", "-passout", "pass:word",
         "-out", locked], check=True, capture_output=True,
    )  # fmt: skip
    done = check(f"cert_file = '{certificates / 'server.pem'}'\nkey_file = '{locked}'")
    assert done.exit_code == 2
    assert "without a passphrase" in done.output


def test_a_key_of_another_certificate_is_refused(
    check: Callable[[str], Result], certificates: Path
) -> None:
    done = check(
        f"cert_file = '{certificates / 'server.pem'}'\nkey_file = '{certificates / 'ca.key'}'"
    )
    assert done.exit_code == 2
    assert "view.cert_file" in done.output


@pytest.mark.parametrize(
    ("view", "hidden"),
    [
        (View(), False),
        (View(address="::1"), False),
        (View(pixelate=True), True),
        (View(address="0.0.0.0", password_file=Path("p")), True),  # noqa: S104
        (View(address="0.0.0.0", password_file=Path("p"), pixelate=False), False),  # noqa: S104
    ],
)
def test_faces_are_hidden_where_others_may_look_unless_the_operator_says_otherwise(
    view: View,
    hidden: bool,  # noqa: FBT001
) -> None:
    assert view.hides_faces is hidden
