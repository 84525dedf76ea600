import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from convert.bundle import require_free, write_bundle
from convert.cli import main
from edge.bundle import MODELS, load_bundle
from edge.errors import MaskGateError
from edge.runtime.interpreter import open_interpreter

COMMITTED = MODELS / "mtcnn"
SIZES = {"pnet": (61, 48), "rnet": (24, 24), "onet": (48, 48)}
FORMS = ("float32", "float16", "dynamic")


def outputs(content: bytes, pictures: np.ndarray) -> np.ndarray:
    interpreter = open_interpreter(content, "test")
    source = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(source, pictures.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source, pictures)
    interpreter.invoke()
    return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def pictures(net: str, count: int) -> np.ndarray:
    width, height = SIZES[net]
    return np.random.default_rng(1).uniform(-1, 1, (count, height, width, 3)).astype(np.float32)


def convert(out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["mtcnn", "--out", str(out), *options])


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rebuilt") / "mtcnn"
    done = convert(out)
    assert done.exit_code == 0, done.output
    return out


@pytest.mark.slow
@pytest.mark.timeout(300)
class TestRebuilt:
    @pytest.mark.parametrize("net", SIZES)
    @pytest.mark.parametrize("form", FORMS)
    def test_the_committed_nets_are_those_that_the_weights_give(
        self, rebuilt: Path, net: str, form: Any
    ) -> None:
        shown = pictures(net, 1)
        expected = outputs(load_bundle(rebuilt).model(net, form), shown)
        found = outputs(load_bundle(COMMITTED).model(net, form), shown)
        assert found == pytest.approx(expected, abs=0.02 if form == "dynamic" else 1e-4)

    def test_the_manifest_differs_in_nothing_but_hashes_and_measures(self, rebuilt: Path) -> None:
        manifests = []
        for folder in (rebuilt, COMMITTED):
            manifest = json.loads((folder / "manifest.json").read_text())
            measured = manifest.pop("measured")
            nets = measured["conversion"]["nets beside Keras"]
            same = [net["largest_difference"] for name, net in nets.items() if "float32" in name]
            assert len(same) >= len(SIZES)
            assert max(same) < 0.001
            for name, net in nets.items():
                assert "GPU" in name or set(net["milliseconds"]) == {"1", "2", "4"}
            for found in measured["conversion"]["faces"].values():
                assert (found["of_float32"], found["lost"], found["overlap_0.9"]) == (2, 0, 2)
            for file in manifest["files"]:
                del file["sha256"], file["size"]
            manifests.append(manifest)
        assert manifests[0] == manifests[1]

    @pytest.mark.parametrize("name", SIZES)
    def test_a_weights_file_in_the_working_directory_is_not_read(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from train.models.mtcnn import package_weights

        monkeypatch.chdir(tmp_path)
        (tmp_path / f"{name}.lz4").write_bytes(pickle.dumps([np.zeros(1)]))
        assert len(package_weights(name)) > 10

    def test_an_altered_weights_file_is_refused_unread(self, tmp_path: Path) -> None:
        from train.models.mtcnn import WEIGHTS_SHA256, read_weights

        trap, sprung = tmp_path / "pnet.lz4", tmp_path / "sprung"
        trap.write_bytes(pickle.dumps(Trap(sprung)))
        with pytest.raises(MaskGateError, match=r"its SHA-256 is not that of mtcnn 1\.0\.0"):
            read_weights(trap, WEIGHTS_SHA256["pnet"])
        assert not sprung.exists()
        read_weights(trap, hashlib.sha256(trap.read_bytes()).hexdigest())
        assert sprung.exists()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("net", ["rnet", "onet"])
@pytest.mark.parametrize("form", FORMS)
def test_a_batch_gives_what_its_pictures_give_alone(net: str, form: Any) -> None:
    content = load_bundle(COMMITTED).model(net, form)
    shown = pictures(net, 3)
    alone = np.concatenate([outputs(content, picture[None]) for picture in shown])
    assert outputs(content, shown) == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize("net", SIZES)
def test_no_net_has_a_dense_layer_that_old_runtimes_lack(net: str) -> None:
    interpreter = open_interpreter(load_bundle(COMMITTED).model(net, "dynamic"), net)
    assert "FULLY_CONNECTED" not in {op["op_name"] for op in interpreter._get_ops_details()}


@pytest.mark.parametrize(
    ("there", "options", "error"),
    [
        ("manifest.json", (), "it is already there; add --overwrite to replace it"),
        ("holiday.jpg", ("--overwrite",), "holds no manifest.json, so it is no bundle"),
    ],
)
def test_a_folder_that_is_taken_stays_as_it_is(
    tmp_path: Path, there: str, options: tuple[str, ...], error: str
) -> None:
    (tmp_path / there).write_text("mine")
    done = convert(tmp_path, *options)
    assert done.exit_code == 2
    assert error in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "mine")]


def test_a_manifest_that_does_not_hold_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match=r"manifest\.json, name: Field required"):
        write_bundle(tmp_path / "new", {"version": "1"}, {("pnet", "float32"): b"model"})
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_replaced_whole_if_asked(tmp_path: Path) -> None:
    out = Path(shutil.copytree(COMMITTED, tmp_path / "mtcnn"))
    manifest = json.loads((out / "manifest.json").read_text()) | {"version": "2.0.0"}
    del manifest["schema"], manifest["files"]
    write_bundle(out, manifest, {("pnet", "dynamic"): b"new"}, overwrite=True)
    assert load_bundle(out).manifest.version == "2.0.0"
    assert load_bundle(out).model("pnet") == b"new"
    assert {path.name for path in tmp_path.rglob("*")} == {
        "mtcnn",
        "manifest.json",
        "pnet.dynamic.tflite",
    }


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MaskGateError, match=r"file/new: .*/file is no folder; choose another"):
        write_bundle(tmp_path / "file" / "new", {}, {})


def test_a_bundle_that_cannot_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Path(shutil.copytree(COMMITTED, tmp_path / "mtcnn"))
    manifest = json.loads((old / "manifest.json").read_text())
    del manifest["schema"], manifest["files"]
    rename = Path.rename

    def fails(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(MaskGateError, match="cannot be written"):
        write_bundle(old, manifest, {("pnet", "dynamic"): b"new"}, overwrite=True)
    assert load_bundle(old).model("onet")
    assert [path.name for path in tmp_path.iterdir()] == ["mtcnn"]


def test_what_a_bundle_holds_is_on_the_disk_before_it_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = json.loads((COMMITTED / "manifest.json").read_text())
    del manifest["schema"], manifest["files"]
    synced: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def note_sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        synced.append(f"to {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)
    write_bundle(tmp_path / "new one", manifest, {("pnet", "dynamic"): b"model"})
    before = synced[: synced.index("to new one")]
    assert {".pnet.dynamic.tflite.part", ".manifest.json.part"} <= set(before)
    assert synced[-1] == tmp_path.name


def test_a_name_that_no_folder_can_have_is_refused_before_work_is_done(tmp_path: Path) -> None:
    done = convert(tmp_path / ("x" * 300))
    assert done.exit_code == 2
    assert done.stderr.endswith("File name too long; choose another folder\n")
    assert len(done.stderr.splitlines()) == 1


def test_a_replacement_that_fails_leaves_the_old_bundle(tmp_path: Path) -> None:
    old = Path(shutil.copytree(COMMITTED, tmp_path / "mtcnn"))
    with pytest.raises(MaskGateError):
        write_bundle(old, {"version": "1"}, {("pnet", "float32"): b"model"}, overwrite=True)
    assert load_bundle(old).model("onet")
    assert [path.name for path in tmp_path.iterdir()] == ["mtcnn"]


def test_a_place_where_no_folder_can_be_made_is_refused_before_work_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MaskGateError, match="file is no folder"):
        require_free(tmp_path / "file" / "deep" / "bundle", overwrite=False)
    require_free(tmp_path / "new" / "bundle", overwrite=False)
    # Root may write everywhere, so the answer is another user's.
    monkeypatch.setattr("os.access", lambda _place, _mode: False)
    with pytest.raises(MaskGateError, match=f"may not write into {tmp_path};"):
        require_free(tmp_path / "new" / "bundle", overwrite=False)
