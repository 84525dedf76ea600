"""`maskgate bundle show`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.bundle import MODELS, load_bundle
from edge.cli import main
from edge.show.figures import as_lines
from tests.bundles import MODEL, copy_of, new_key, rewrite, sign, zipped


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return copy_of("compact", tmp_path / "compact")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path)


def show(bundle: Path, *words: str, trust: Path | None = None, columns: int = 80) -> Result:
    environment = {"COLUMNS": str(columns), "XDG_STATE_HOME": str(bundle.parent)}
    if trust:
        environment["MASKGATE_TRUST__KEYS"] = f"['{trust}.pub']"
    return CliRunner().invoke(main, ["bundle", "show", str(bundle), *words], env=environment)


@pytest.mark.parametrize("name", ["compact", "mtcnn"])
def test_a_bundle_is_shown_as_a_table_that_fits_the_terminal(name: str) -> None:
    manifest = load_bundle(MODELS / name).manifest
    done = show(MODELS / name)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == f"{manifest.name} {manifest.version}  {manifest.task}"
    for title in ("input", "output", "forms", "measured", "origin", "licence", "signature"):
        assert sum(line.startswith(title) for line in lines) == 1, title
    assert sum("intact" in line for line in lines) == len(manifest.files)
    assert "signature  not signed" in lines
    assert max(map(len, lines)) <= 80
    assert "{" not in done.stdout


def test_json_holds_all_of_it(bundle: Path, key: Path) -> None:
    fingerprint = sign(bundle, key)
    place = zipped(bundle)
    done = show(place, "--json")
    shown = json.loads(done.stdout)
    assert shown["bundle"] == str(place)
    assert shown["manifest"] == json.loads((bundle / "manifest.json").read_text())
    assert [file["fault"] for file in shown["files"]] == [None] * len(shown["manifest"]["files"])
    assert shown["signature"] == {"key": fingerprint, "trusted": None, "fault": None}
    assert shown["refusal"] is None


def test_it_says_whether_this_device_trusts_the_signer(
    tmp_path: Path, bundle: Path, key: Path
) -> None:
    fingerprint = sign(bundle, key)
    signed = f"signature  signed by key {fingerprint}"
    assert f"{signed}, no trust.keys say" in show(bundle).stdout
    trusted = show(bundle, trust=key)
    assert trusted.exit_code == 0
    assert f"{signed}, trusted by this device" in trusted.stdout
    other = show(bundle, trust=new_key(tmp_path, "other.key"))
    assert other.exit_code == 2
    assert f"{signed}, not trusted by this device" in other.stdout
    assert f"it is signed by key {fingerprint}, expected" in other.stderr
    (bundle / "manifest.sig").unlink()
    unsigned = show(bundle, trust=key)
    assert unsigned.exit_code == 2
    assert "it is not signed, expected" in unsigned.stderr


def test_it_says_that_this_device_ran_a_newer_one(bundle: Path, key: Path) -> None:
    sign(bundle, key)
    memory = bundle.parent / "maskgate" / "accepted-bundles.json"
    memory.parent.mkdir()
    memory.write_text('{"schema": 1, "versions": {"mask-classification/compact": "999.0.0"}}')
    before = memory.read_bytes()
    done = show(bundle, trust=key)
    assert done.exit_code == 2
    assert "expected 999.0.0, which this device ran already" in done.stderr
    assert memory.read_bytes() == before


def test_all_that_is_wrong_is_said_at_once(bundle: Path, key: Path) -> None:
    sign(bundle, key)
    rewrite(bundle, licence="none")
    (bundle / MODEL.path).unlink()
    done = show(bundle)
    assert done.exit_code == 2
    assert "damaged" in done.stdout
    assert "signature  does not fit" in done.stdout
    assert f"{MODEL.path}: No such file or directory" in done.stderr
    assert "its manifest.sig does not fit its manifest.json" in done.stderr
    shown = json.loads(show(bundle, "--json").stdout)
    faults = {file["path"]: file["fault"] for file in shown["files"]}
    assert "No such file" in faults[MODEL.path]
    assert "does not fit" in shown["signature"]["fault"]


def test_what_a_manifest_says_cannot_steer_the_terminal(bundle: Path) -> None:
    evil = "\x1b[2J\rfine"
    rewrite(bundle, licence=evil, output=evil, labels=[evil, "b"], measured={evil: {evil: evil}},
            origin={"recipe": evil, "url": evil})  # fmt: skip
    done = show(bundle)
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    assert "\r" not in done.output


def test_no_bundle_is_refused_in_one_line(tmp_path: Path) -> None:
    done = show(tmp_path)
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert "cannot read manifest.json" in done.output


def test_figures_of_several_things_become_a_table() -> None:
    figures = {
        "faces": 1777,
        "forms": {
            "uint8": {
                "A 1.0": {"accuracy": 0.97123, "milliseconds": {"1": 0.5, "4": 0.25}},
                "B": {"accuracy": 0.9, "labels_changed": 3},
            },
            "float32": {"A 1.0": {"accuracy": 1.0}},
        },
        "reference": {"name": "Keras", "gpu": None, "whole": True},
        "nothing": {},
    }
    assert as_lines(figures, 60) == [
        "faces  1,777",
        "forms",
        "                            milliseconds   labels",
        "                  accuracy           1/4  changed",
        "  uint8  A 1.0      0.9712      0.5/0.25",
        "  uint8  B             0.9                      3",
        "  float32  A 1.0         1",
        "reference",
        "  name   Keras",
        "  gpu    -",
        "  whole  yes",
    ]


def test_columns_that_do_not_fit_the_terminal_stand_below_the_others() -> None:
    figures = {
        "forms": {
            "uint8": {"accuracy": 0.97, "labels_changed": 12, "size": 302_000},
            "int8": {"accuracy": 0.98, "size": 301_000},
        },
        "refused": [],
    }
    assert as_lines(figures, 28) == [
        "refused  -",
        "forms",
        "                    labels",
        "         accuracy  changed",
        "  uint8      0.97       12",
        "  int8       0.98",
        "            size",
        "  uint8  302,000",
        "  int8   301,000",
    ]


def test_values_stand_below_each_other_where_names_are_long() -> None:
    names = ("a name of more than thirty characters", "short")
    assert as_lines(dict.fromkeys(names, 1), 60) == [f"{name:37}  1" for name in names]
