"""Bundles: folders and zips, and what is refused of them."""

import json
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from edge.bundle import MANIFEST_LIMIT, MODELS, Version, load_bundle
from edge.config import Classifier as Settings
from edge.errors import MaskGateError
from edge.vision.classifier import Classifier
from tests.bundles import MODEL, copy_of, rewrite, zipped

MANIFEST = (MODELS / "compact" / "manifest.json").read_bytes()
CONTENT = (MODELS / "compact" / MODEL.path).read_bytes()


def load(place: Path) -> Classifier:
    return Classifier(load_bundle(place), Settings())


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return copy_of("compact", tmp_path / "compact")


@pytest.mark.parametrize("within", ["", "compact/", "a folder/"])
def test_a_zip_is_as_good_as_the_folder(bundle: Path, within: str) -> None:
    place = zipped(bundle, within)
    before = sorted(bundle.parent.iterdir())
    loaded = load_bundle(place)
    assert loaded.manifest == load_bundle(bundle).manifest
    assert loaded.model("classifier") == CONTENT
    load(place)
    assert sorted(bundle.parent.iterdir()) == before  # nothing was unpacked


def entries(*extra: tuple[str, bytes], **changed: bytes) -> list[tuple[str, bytes]]:
    """What a good zip holds, with some of it changed."""
    model = changed.get("model", CONTENT)
    return [("manifest.json", changed.get("manifest", MANIFEST)), (MODEL.path, model), *extra]


def packed(place: Path, content: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(place, "w", method) as archive:
        for name, data in content:
            archive.writestr(name, data)


def changed_bytes(place: Path, old: bytes, new: bytes) -> None:
    data = place.read_bytes()
    assert old in data
    place.write_bytes(data.replace(old, new))


def hides_its_name(place: Path) -> None:
    packed(place, entries(("notes_txt", b"")))
    changed_bytes(place, b"notes_txt", b"notes\0txt")


def encrypted(place: Path) -> None:
    packed(place, entries())
    data = bytearray(place.read_bytes())
    with zipfile.ZipFile(place) as archive:
        start = archive.start_dir
    data[6] |= 1  # flags in the first entry's own header
    data[start + 8] |= 1  # and in the table of contents
    place.write_bytes(data)


def bomb(place: Path) -> None:
    """The model is said to have its size, and is 200 MB when unpacked."""
    packed(place, entries(model=bytes(200_000_000)), zipfile.ZIP_DEFLATED)
    said = struct.pack("<I", 200_000_000)
    changed_bytes(place, said, struct.pack("<I", len(CONTENT)))


def huge_table(place: Path) -> None:
    packed(place, [*entries(), *((f"{number:0200}", b"") for number in range(5_000))])


def cut_short(place: Path) -> None:
    packed(place, entries())
    place.write_bytes(place.read_bytes()[:-1000])


def one_byte_in_the_middle(place: Path) -> None:
    packed(place, entries())
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(data)


def with_entries(*extra: str, **changed: bytes) -> Callable[[Path], None]:
    return lambda place: packed(place, entries(*((name, b"") for name in extra), **changed))


HOSTILE_ZIPS: list[tuple[Callable[[Path], None], str]] = [
    (with_entries("../manifest.json"), "the entry '../manifest.json' leaves the bundle"),
    (with_entries("a/../../x"), "the entry 'a/../../x' leaves the bundle"),
    (with_entries("/etc/passwd"), "the entry '/etc/passwd' leaves the bundle"),
    (with_entries("C:\\x"), "leaves the bundle"),
    (with_entries("a\\..\\x"), "leaves the bundle"),
    (with_entries("./x"), "leaves the bundle"),
    (with_entries("a//x"), "leaves the bundle"),
    (with_entries("x\x1b[2J"), "the entry 'x\\x1b[2J' leaves the bundle or hides"),
    (hides_its_name, "the entry 'notes\\x00txt' leaves the bundle or hides"),
    (with_entries("manifest.json"), "the entry 'manifest.json' is there more than once"),
    (with_entries("README", "README"), "the entry 'README' is there more than once"),
    (encrypted, "the entry 'manifest.json' is encrypted"),
    (lambda place: packed(place, entries(), zipfile.ZIP_LZMA), "packed by method 14"),
    (lambda place: packed(place, entries(), zipfile.ZIP_BZIP2), "packed by method 12"),
    (cut_short, "cannot be read as a zip"),
    (one_byte_in_the_middle, "cannot be read as a zip (Bad CRC-32"),
    (lambda place: place.write_bytes(b""), "cannot be read as a zip"),
    (lambda place: place.write_bytes(MANIFEST), "cannot be read as a zip"),
    (huge_table, "its table of contents is larger than"),
    (bomb, "cannot be read as a zip (Bad CRC-32"),
    (with_entries(model=CONTENT + b"x"), f"expected {MODEL.size} bytes, found {MODEL.size + 1}"),
    (with_entries(model=b""), f"expected {MODEL.size} bytes, found 0"),
    (with_entries(model=CONTENT[:-1] + b"!"), "its SHA-256 differs"),
    (with_entries(manifest=b" " * (MANIFEST_LIMIT + 1)), "manifest.json has 1000001 bytes"),
    (with_entries(manifest=b"[" * 100_000), "manifest.json"),
    (lambda place: packed(place, [("README", b"")]), "cannot read manifest.json"),
    (lambda place: packed(place, []), "cannot read manifest.json"),
    (lambda place: packed(place, entries()[:1]), f"{MODEL.path}: it is not in the zip"),
]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("make", "expected"), HOSTILE_ZIPS)
def test_a_hostile_or_damaged_zip_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], None], expected: str
) -> None:
    place = tmp_path / "hostile.zip"
    make(place)
    tracemalloc.start()
    with pytest.raises(MaskGateError) as caught:
        load(place)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert expected in str(caught.value)
    assert str(place) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert peak < 10_000_000
    assert list(tmp_path.iterdir()) == [place]


def test_a_zip_with_many_entries_is_read_quickly(tmp_path: Path) -> None:
    place = tmp_path / "many.zip"
    packed(place, [*entries(), *((f"{number:x}", b"") for number in range(15_000))])
    start = process_time()
    load(place)
    assert process_time() - start < 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"version": "2"}, "manifest.json, version: expected e.g. 2.0.1, found '2'"),
        ({"version": "2.0"}, "found '2.0'"),
        ({"version": "2.0.0-beta"}, "found '2.0.0-beta'"),
        ({"version": "2.0.00"}, "found '2.0.00'"),
        ({"version": "2.0.0\n"}, "found '2.0.0\\n'"),
        ({"version": "2.0.1٣"}, "version"),
        ({"version": "1." * 1000}, "version"),
        ({"name": "../x"}, "manifest.json, name"),
        ({"name": "x\x1b[2J"}, "manifest.json, name"),
        ({"name": ""}, "manifest.json, name"),
        ({"schema": "1" * 5000}, "has schema '1111"),
        ({"x\x1b[2J\n" + "y" * 5000: 1}, "manifest.json, x?[2J?yyy"),
        ({"default_form": "dynamic"}, "default_form: no classifier in form dynamic; it"),
    ],
)
def test_a_manifest_with_such_a_field_is_refused(
    bundle: Path, fields: dict[str, Any], expected: str
) -> None:
    rewrite(bundle, **fields)
    for place in (bundle, zipped(bundle)):
        with pytest.raises(MaskGateError) as caught:
            load_bundle(place)
        assert expected in str(caught.value)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["offset", "scale"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_pixel_becomes_a_number(bundle: Path, name: str, value: float) -> None:
    rewrite(bundle, input=json.loads(MANIFEST)["input"] | {name: value})
    with pytest.raises(MaskGateError, match=rf"manifest\.json, input\.{name}: Input should be"):
        load_bundle(bundle)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"[" * 100_000, b"\xff\0"])
def test_a_manifest_that_is_no_json_object_is_called_damaged(bundle: Path, text: bytes) -> None:
    (bundle / "manifest.json").write_bytes(text)
    with pytest.raises(MaskGateError) as caught:
        load_bundle(bundle)
    said = str(caught.value)
    assert said.count("manifest.json") == 1
    assert said.endswith("it is damaged, install the bundle again")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"size": 2**40}, "files.0.size"),
        ({"path": "a\x00b"}, "leaves the bundle"),
        ({"path": ""}, "leaves the bundle"),
        ({"path": "C:x"}, "leaves the bundle"),
        ({"path": "../" * 5000}, "leaves the bundle"),
        ({"net": "x\x1b[2J"}, "files.0.net: String should match"),
    ],
)
def test_a_file_with_such_a_field_is_refused(
    bundle: Path, fields: dict[str, Any], expected: str
) -> None:
    file = json.loads(MANIFEST)["files"][0]
    rewrite(bundle, files=[{**file, **fields}])
    with pytest.raises(MaskGateError) as caught:
        load_bundle(bundle)
    assert expected in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_net_twice_in_one_form_is_refused(bundle: Path) -> None:
    rewrite(bundle, files=json.loads(MANIFEST)["files"] * 2)
    with pytest.raises(MaskGateError, match="a net is there twice"):
        load_bundle(bundle)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(bundle: Path) -> None:
    for name in (MODEL.path, "manifest.json"):
        (bundle / name).unlink()
        os.mkfifo(bundle / name)
        with pytest.raises(MaskGateError, match="not a regular file"):
            load(bundle)


def test_a_zip_replaced_after_its_manifest_was_read_is_noticed(bundle: Path) -> None:
    place = zipped(bundle)
    loaded = load_bundle(place)
    packed(place, entries(model=CONTENT[:-1] + b"!"))
    with pytest.raises(MaskGateError, match=r"SHA-256 differs|cannot be read as a zip"):
        loaded.model("classifier")


def test_versions_are_compared_by_their_numbers() -> None:
    in_order = ["0.0.1", "0.9.0", "0.10.0", "1.0.0", "1.2.9", "1.2.10", "2.0.0", "10.0.0"]
    assert sorted(sorted(in_order), key=Version.parse) == in_order
    assert [str(Version.parse(text)) for text in in_order] == in_order


def test_a_zip_that_has_its_fault_quoted_at_length_is_refused_in_a_short_line(
    tmp_path: Path,
) -> None:
    place = zipped(copy_of("compact", tmp_path / "compact"))
    data = bytearray(place.read_bytes())
    # The length of the first entry's name, in front of the entry but not in the table of contents.
    data[26:28] = b"\xff\xff"
    place.write_bytes(data)
    loaded = load_bundle(place)
    first = min(loaded.manifest.files, key=lambda file: file.path)
    with pytest.raises(MaskGateError, match="cannot be read as a zip") as caught:
        loaded.content(first)
    assert len(str(caught.value)) < 600
