from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import MaskGateError
from edge.loading import load_settings


def load(
    tmp_path: Path,
    text: str = "",
    overrides: dict[str, tuple[str, str, object]] | None = None,
    source: str | None = None,
    **environment: str,
) -> Settings:
    file = tmp_path / "maskgate.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, overrides, environment, source=source)


def test_the_file_the_environment_and_the_command_line_override_in_this_order(
    tmp_path: Path,
) -> None:
    text = "[detector]\nmin_face = 30\n[cameras.entrance]\nsource = 'a.mp4'\nrate = 5\n"
    settings = load(
        tmp_path,
        text,
        source="c.mp4",
        MASKGATE_CAMERAS__ENTRANCE__SOURCE="b.mp4",
        MASKGATE_CAMERAS__ENTRANCE__RATE="7.5",
        MASKGATE_DECISION__VIOLATIONS='["face_no_mask"]',
    )
    assert settings.detector.min_face == 30
    assert settings.cameras["entrance"].source == "c.mp4"
    assert settings.cameras["entrance"].rate == 7.5
    assert settings.decision.violations == ("face_no_mask",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[detector]\nmin_fase = 3", "unknown key detector.min_fase; did you mean min_face?"),
        ("[decisions]\n", "unknown section decisions; did you mean decision?"),
        ("[xyzzy]\n", "unknown section xyzzy; known are device, cameras"),
        ("[detector]\nmin_face = 'big'", "detector.min_face: input should be a valid number"),
        ("[detector]\nmin_face = 3", "greater than or equal to 12, found 3"),
        ("[device]\nid = 'a/b'", "device.id: string should match pattern"),
        ("[broker]\nurl = 'http://x'", "broker.url: expected mqtt://"),
        ("detector = 3", "detector: input should be a valid"),
        ("[detector", "not TOML"),
        (
            "[cameras.entrance]\nrate = 0",
            "entrance.rate: input should be greater than 0, found 0",
        ),
        (
            "[cameras.entrance]\nsource = ''",
            "cameras.entrance.source: string should have at least 1 character",
        ),
        ("[decision]\nwindow = 2\nmin_votes = 5", "no more votes than the window of 2 ever count"),
        ("[broker]\nca_file = 'x'", "broker.ca_file: there is no broker.url"),
    ],
)
def test_a_fault_names_the_file_the_key_and_the_way_out(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(MaskGateError) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)
    assert str(tmp_path / "maskgate.toml") in str(caught.value)


@pytest.mark.parametrize("text", [f"[{'9' * 5000}]", f"[detector]\nkind = '{'x' * 5000}'"])
def test_what_is_endless_is_repeated_in_part(tmp_path: Path, text: str) -> None:
    with pytest.raises(MaskGateError, match=r"(9|x){70}…") as caught:
        load(tmp_path, text)
    assert len(str(caught.value)) < len(str(tmp_path)) + 700


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError) as caught:
        load(tmp_path, "[cameras.entrance]\nrate = -1\nsize = 3\n[detector]\nthreads = 0\n")
    assert len(str(caught.value).splitlines()) == 3


def test_numbers_stand_for_text_where_text_is_meant(tmp_path: Path) -> None:
    settings = load(tmp_path, "[cameras.entrance]\nsource = 0\n[broker]\nprotocol = 5\n")
    assert (settings.cameras["entrance"].source, settings.broker.protocol) == ("0", "5")


def test_a_path_may_begin_with_the_home_folder(tmp_path: Path) -> None:
    settings = load(tmp_path, "[outbox]\npath = '~/alerts'\n")
    assert settings.outbox.path == Path.home() / "alerts"


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff[device]\nid = 'gate'\n").device.id == "gate"


def test_a_fault_on_the_command_line_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match=r"--broker: broker\.url: expected mqtt://"):
        load(tmp_path, overrides={"--broker": ("broker", "url", "localhost")})


def test_a_fault_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match="MASKGATE_DETECTOR__MIN_FACE: "):
        load(tmp_path, MASKGATE_DETECTOR__MIN_FACE="tiny")
    with pytest.raises(MaskGateError, match="MASKGATE_BROKER_URL: expected MASKGATE_SECTION__KEY"):
        load(tmp_path, MASKGATE_BROKER_URL="mqtt://x")
    with pytest.raises(
        MaskGateError, match="MASKGATE_CAMRAS__A__RATE: unknown section camras; did you"
    ):
        load(tmp_path, MASKGATE_CAMRAS__A__RATE="5")


def test_a_password_in_the_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError) as caught:
        load(tmp_path, "[broker]\nurl = 'mqtt://me:s3cret@host'")
    assert "password" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_the_password_variable_is_no_setting(tmp_path: Path) -> None:
    assert "s3cret" not in repr(load(tmp_path, MASKGATE_PASSWORD="s3cret"))  # noqa: S106


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match=r"nowhere\.toml: cannot be read"):
        load_settings(tmp_path / "nowhere.toml", environment={})


def test_a_name_that_is_not_utf_8_is_shown_and_refused(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match=r"--source: .*\.source: 'caf\\udce9' is not UTF-8"):
        load(tmp_path, source="caf\udce9")


def test_each_camera_is_a_table_and_a_variable_finds_it_by_its_name(tmp_path: Path) -> None:
    cameras = load(
        tmp_path,
        "[cameras.North-Door]\nsource = 0\n[cameras.yard]\nsource = 'rtsp://yard'\n",
        MASKGATE_CAMERAS__NORTH_DOOR__RATE="5",
        MASKGATE_CAMERAS__STAIRS__SOURCE="1",
    ).cameras
    assert {name: camera.source for name, camera in cameras.items()} == {
        "North-Door": "0",
        "yard": "rtsp://yard",
        "stairs": "1",
    }
    assert cameras["North-Door"].rate == 5


@pytest.mark.parametrize(
    ("text", "name", "rate"),
    [
        ("", "entrance", 15),
        ("[cameras.door]\nrate = 4", "door", 4),
        ("[cameras.door]\n[cameras.yard]", "entrance", 15),
        ("[cameras.door]\n[cameras.entrance]\nrate = 3", "entrance", 3),
    ],
)
def test_a_source_on_the_command_line_is_watched_by_one_camera(
    tmp_path: Path, text: str, name: str, rate: float
) -> None:
    [(found, camera)] = load(tmp_path, text, source="a.mp4").cameras.items()
    assert (found, camera.source, camera.rate) == (name, "a.mp4", rate)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[cameras.a]\nrat = 3", "unknown key cameras.a.rat; did you mean rate?"),
        ("[cameras.a]\n[cameras.A]", "two names that are both a"),
        ("[cameras.a-b]\n[cameras.a_b]", "two names that are both a_b"),
        ("[cameras.'a/b']", "cameras.a/b: string should match pattern"),
        ("cameras = {}", "cameras: dictionary should have at least 1"),
        ("[cameras]\nsource = 0", "cameras.source: input should be a valid dictionary"),
    ],
)
def test_cameras_that_cannot_be_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(MaskGateError) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)


def test_the_password_of_a_camera_is_not_repeated(tmp_path: Path) -> None:
    cameras = "[cameras.{}]\nsource = 'rtsp://me:s3cret@door/'\n"
    for text in (cameras.format("a") + cameras.format("A"), cameras.format("'a/b'")):
        with pytest.raises(MaskGateError) as caught:
            load(tmp_path, text)
        assert "s3cret" not in str(caught.value)
