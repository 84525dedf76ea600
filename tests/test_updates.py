"""Bundles that are put in place of others, and taken back."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from edge.bundle import load_bundle
from edge.cli import main
from edge.config import Settings
from edge.errors import MaskGateError
from edge.health.hardware import Hardware
from edge.health.health import to_message
from edge.health.monitor import Monitor
from edge.nets import OpenNets
from edge.updates.current import updates_folder, with_updates
from edge.updates.probation import FRAMES, Probation
from edge.updates.update import go_back, update
from edge.watch.running import Watch
from tests.bundles import copy_of, new_key, rewrite, sign
from tests.test_health import SCHEMA
from tests.updating import crashed, newer, runs, signed_device, started


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def device(tmp_path: Path, key: Path) -> Settings:
    return signed_device(tmp_path, key)


def test_a_newer_bundle_runs_and_stays_once_it_has_proved_itself(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    before = runs(device)
    done = update(str(newer(tmp_path, key, "9.0.0")), device)
    assert (done.section, done.version, done.changed) == ("classifier", "9.0.0", True)
    assert runs(device) == (before[0], "9.0.0")
    started(device).close()
    crashed(device)
    assert runs(device) == (before[0], "9.0.0")
    assert Probation(device).failure is None


def test_a_bundle_whose_process_ends_on_probation_is_taken_back_at_the_next_start(
    tmp_path: Path, key: Path, device: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    before = runs(device)
    update(str(newer(tmp_path, key, "9.0.0")), device)
    crashed(device, FRAMES - 1)
    with closing(started(device)) as probation:
        assert probation.failure is not None
        assert "compact-9.0.0" in probation.failure.bundle
    with Watch(device, str) as watching, Hardware(watching.shedder) as hardware:
        message = to_message(Monitor(watching, hardware).health(), device.device)
    Draft202012Validator(SCHEMA).validate(message)
    assert message["update_failure"]["section"] == "classifier"
    assert "while it was on probation" in message["update_failure"]["reason"]
    assert runs(device) == before
    assert "taken back (the device ended while it was on probation" in caplog.text
    # The older one is accepted again, and goes on being so.
    started(device).close()


def test_an_end_that_was_asked_for_is_no_fault_of_the_bundle(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    update(str(newer(tmp_path, key, "9.0.0")), device)
    for error in (None, SystemExit(143), MaskGateError("source 0: not there")):
        started(device, 3).close(error)
    assert runs(device)[1] == "9.0.0"
    started(device, 3).close(RuntimeError("a defect"))
    started(device, 3).close()
    assert runs(device)[1] != "9.0.0"


def version_of(nets: OpenNets) -> str:
    return nets.judging.manifest.version


class Refusing(OpenNets):
    """Nets on a driver that refuses one bundle."""

    def __init__(self, settings: Settings) -> None:
        if load_bundle(settings.classifier.bundle).manifest.version == "9.0.0":
            raise RuntimeError("the driver refuses it")
        super().__init__(settings)


class Garbling(OpenNets):
    """Nets on a driver that computes nonsense with one bundle."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if version_of(self) == "9.0.0":
            self.classifier.labels = self.classifier.labels[::-1]


@pytest.mark.parametrize(
    ("driver", "expected"),
    [(Refusing, "the driver refuses it"), (Garbling, "it is right for 0 known faces, expected 16")],
)
def test_a_bundle_that_fails_in_the_device_itself_is_taken_back_within_the_same_start(
    tmp_path: Path,
    key: Path,
    device: Settings,
    driver: type[OpenNets],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = runs(device)[1]
    update(str(newer(tmp_path, key, "9.0.0")), device)
    monkeypatch.setattr("edge.updates.probation.OpenNets", driver)
    with closing(Probation(device)) as probation:
        assert version_of(probation.open_nets(device)) == own
        assert probation.failure
        assert expected in probation.failure.reason
    assert runs(device)[1] == own


@pytest.mark.parametrize("has_crashed", [False, True])
def test_where_no_mark_can_be_written_the_old_bundle_runs(
    tmp_path: Path,
    key: Path,
    device: Settings,
    caplog: pytest.LogCaptureFixture,
    has_crashed: bool,  # noqa: FBT001
) -> None:
    own = runs(device)[1]
    update(str(newer(tmp_path, key, "9.0.0")), device)
    if has_crashed:
        crashed(device)
    (updates_folder(device) / ".updates.json.part").mkdir()  # Nobody can write there.
    with closing(Probation(device)) as probation:
        assert version_of(probation.open_nets(device)) == own
    assert "cannot be written" in caplog.text
    (updates_folder(device) / ".updates.json.part").rmdir()
    with closing(Probation(device)) as probation:
        assert version_of(probation.open_nets(device)) == (own if has_crashed else "9.0.0")


def test_a_second_process_takes_nothing_back(tmp_path: Path, key: Path, device: Settings) -> None:
    update(str(newer(tmp_path, key, "9.0.0")), device)
    with closing(started(device, 3)), closing(started(device, 3)):
        assert runs(device)[1] == "9.0.0"


def test_a_reload_takes_up_an_update_and_does_not_take_itself_for_a_crash(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    with closing(started(device)) as probation:
        update(str(newer(tmp_path, key, "9.0.0")), device)
        for _ in range(2):
            probation.open_nets(device)
            assert runs(device)[1] == "9.0.0"
        for _ in range(FRAMES):
            probation.frame_done()
    state = json.loads((updates_folder(device) / "updates.json").read_text())
    assert state["slots"]["classifier"]["probation"] is None


def test_after_two_updates_the_first_is_what_to_go_back_to_if_it_has_proved_itself(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    own = runs(device)[1]
    update(str(newer(tmp_path, key, "9.0.0")), device)
    started(device).close()
    update(str(newer(tmp_path, key, "9.1.0")), device)
    assert go_back(device) == "classifier: back to compact 9.0.0"
    assert go_back(device) == f"classifier: back to compact {own}"
    with pytest.raises(MaskGateError, match="nothing to go back from"):
        go_back(device)
    started(device).close()
    assert runs(device)[1] == own


def test_what_never_ran_is_nothing_to_go_back_to(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    own = runs(device)[1]
    update(str(newer(tmp_path, key, "9.0.0")), device)
    update(str(newer(tmp_path, key, "9.1.0")), device)
    assert go_back(device) == f"classifier: back to compact {own}"


def test_the_disk_holds_no_more_than_what_runs_and_what_ran_before(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    for minor in range(3):
        update(str(newer(tmp_path, key, f"9.{minor}.0")), device)
        started(device).close()
    kept = sorted(path.name[:13] for path in updates_folder(device).glob("*.zip"))
    assert kept == ["compact-9.1.0", "compact-9.2.0"]


def test_a_detector_is_updated_beside_the_classifier(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    update(str(newer(tmp_path, key, "9.0.0", "maskgate")), device)
    update(str(newer(tmp_path, key, "8.0.0")), device)
    assert runs(device) == ("9.0.0", "8.0.0")
    with pytest.raises(MaskGateError, match="say which one goes back"):
        go_back(device)
    go_back(device, "detector")
    assert runs(device)[1] == "8.0.0"
    assert runs(device)[0] != "9.0.0"


def test_settings_that_name_another_bundle_win_over_the_update(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    update(str(newer(tmp_path, key, "9.0.0")), device)
    other = copy_of("compact", tmp_path / "other")
    classifier = device.classifier.model_copy(update={"bundle": other})
    changed = device.model_copy(update={"classifier": classifier})
    assert with_updates(changed).classifier.bundle == other
    assert with_updates(with_updates(device)) == with_updates(device)


def test_the_bundle_that_runs_already_is_no_news(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    source = newer(tmp_path, key, "9.0.0")
    update(str(source), device)
    again = update(str(source), device)
    assert not again.changed
    assert str(again) == "classifier: compact 9.0.0 is in place already"


@pytest.mark.parametrize("kind", ["maskgate", "yunet"])
def test_an_update_without_keys_or_for_a_kind_without_bundle_is_refused(
    tmp_path: Path, key: Path, device: Settings, kind: str
) -> None:
    source = str(newer(tmp_path, key, "9.0.0", "maskgate"))
    if kind == "yunet":
        detector = device.detector.model_copy(update={"kind": "yunet"})
        changed = device.model_copy(update={"detector": detector})
        with pytest.raises(MaskGateError, match=r'detector\.kind = "yunet" has none'):
            update(source, changed)
    else:
        trust = device.trust.model_copy(update={"keys": ()})
        with pytest.raises(MaskGateError, match=r"trust\.keys is not set"):
            update(source, device.model_copy(update={"trust": trust}))


def unsigned(tmp_path: Path, _key: Path) -> Path:
    place = copy_of("compact", tmp_path / "unsigned")
    rewrite(place, version="9.0.0")
    return place


def cut_short(tmp_path: Path, key: Path) -> Path:
    source = newer(tmp_path, key, "9.0.0")
    source.write_bytes(source.read_bytes()[:-1000])
    return source


def always_masked(tmp_path: Path, key: Path) -> Path:
    """Its labels the other way round: right for nobody."""
    return newer(tmp_path, key, "9.0.0", labels=["face_no_mask", "face_with_mask"])


def blind(tmp_path: Path, key: Path) -> Path:
    """A detector that finds nothing."""
    return newer(tmp_path, key, "9.0.0", "maskgate", thresholds=[1, 1, 1])


def garbled(tmp_path: Path, key: Path) -> Path:
    """Signed and whole, but no TFLite file."""
    import hashlib

    place = copy_of("compact", tmp_path / "garbled")
    manifest = json.loads((place / "manifest.json").read_text())
    for file in manifest["files"]:
        content = b"\x1c\0\0\0TFL3" + bytes(1000)
        (place / file["path"]).write_bytes(content)
        file |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    rewrite(place, version="9.0.0", files=manifest["files"])
    sign(place, key)
    return place


REFUSED: list[tuple[Callable[[Path, Path], Path], str]] = [
    (unsigned, "it is not signed, expected a signature"),
    (cut_short, "damaged or cut short"),
    (always_masked, "it is right for 0 of 16 known pictures"),
    (blind, "it is right for 1 of 17 known pictures"),
    (garbled, "it fails on known faces"),
    (lambda folder, key: newer(folder, key, "0.0.1"), "expected a version above"),
    (lambda folder, _key: folder / "nowhere.zip", "cannot read manifest.json"),
]


@pytest.mark.parametrize(("make", "expected"), REFUSED)
def test_a_bundle_that_is_no_good_leaves_everything_as_it_was(
    tmp_path: Path,
    key: Path,
    device: Settings,
    make: Callable[[Path, Path], Path],
    expected: str,
) -> None:
    before = runs(device)
    with pytest.raises(MaskGateError) as caught:
        update(str(make(tmp_path, key)), device)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert runs(device) == before
    assert [path.name for path in updates_folder(device).iterdir()] == ["update.lock"]


def test_a_damaged_update_gives_way_to_what_ran_before(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    update(str(newer(tmp_path, key, "9.0.0")), device)
    started(device).close()
    (stored,) = updates_folder(device).glob("*.zip")
    stored.write_bytes(stored.read_bytes()[:5000])
    with closing(started(device)) as probation:
        assert probation.failure
    assert runs(device)[1] != "9.0.0"


def test_a_damaged_state_file_leaves_the_bundles_of_the_settings_running(
    tmp_path: Path, key: Path, device: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    own = runs(device)[1]
    update(str(newer(tmp_path, key, "9.0.0")), device)
    started(device).close()
    (updates_folder(device) / "updates.json").write_bytes(bytes(300))
    started(device).close()
    assert runs(device)[1] == own
    assert "it is damaged or edited" in caplog.text


def test_only_one_update_at_a_time(tmp_path: Path, key: Path, device: Settings) -> None:
    from edge.updates.locking import locked

    folder = updates_folder(device)
    folder.mkdir(parents=True)
    with (
        locked(folder / "update.lock", 0),
        pytest.raises(MaskGateError, match="another one is under way"),
    ):
        update(str(newer(tmp_path, key, "9.0.0")), device)


def test_the_command_updates_lists_and_goes_back(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    file = tmp_path / "maskgate.toml"
    file.write_text(
        f"[trust]\nkeys = ['{key}.pub']\n[outbox]\npath = '{device.outbox.path}'\n"
        f"[detector]\nbundle = '{device.detector.bundle}'\n"
        f"[classifier]\nbundle = '{device.classifier.bundle}'\n"
    )
    own = runs(device)[1]

    def maskgate(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, [*words, "--config", str(file)])
        return done.exit_code, done.output

    code, said = maskgate("update", str(newer(tmp_path, key, "9.0.0")))
    assert (code, said.splitlines()[0]) == (
        0,
        f"classifier: compact 9.0.0 in place of compact {own}",
    )
    code, said = maskgate("bundle", "list")
    assert code == 0
    assert "9.0.0    runs from the next start on" in said
    assert "ran before" in said
    code, said = maskgate("update", "--back")
    assert (code, said.splitlines()[0]) == (0, f"classifier: back to compact {own}")
    code, said = maskgate("update")
    assert code == 2
    assert "or set updates.url" in said
    assert maskgate("update", "x.zip", "--back", "detector")[0] == 2
