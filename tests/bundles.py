"""Bundles, signed and spoiled, for the tests."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from edge.bundle import MODELS, load_bundle
from edge.config import Settings
from edge.trust.signing import make_key, sign_bundle

_SHIPPED = load_bundle(MODELS / "compact").manifest
MODEL = next(file for file in _SHIPPED.files if file.form == _SHIPPED.default_form)
"""The classifier's file that a device takes of the bundle that ships with it."""


def no_password() -> str:
    raise AssertionError("nobody should have been asked for a password")


def copy_of(name: str, place: Path) -> Path:
    """A copy of a bundle that ships with the device."""
    return Path(shutil.copytree(MODELS / name, place))


def zipped(folder: Path, within: str = "") -> Path:
    """A zip of a bundle's folder, beside it."""
    place = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, within + file.name)
    return place


def rewrite(folder: Path, **fields: Any) -> None:
    """Change fields of a manifest."""
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def sign(place: Path, key: Path) -> str:
    """Sign a bundle with a key that has no password."""
    return sign_bundle(place, key, no_password)


def new_key(folder: Path, name: str = "door.key") -> Path:
    """A private key; the public one is beside it."""
    make_key(folder / name)
    return folder / name


def trusting(folder: Path, *keys: Path, **sections: dict[str, Any]) -> Settings:
    """Settings of a device that trusts the keys and keeps its state in the folder."""
    public = [f"{key}.pub" for key in keys]
    trust = {"keys": public, **sections.pop("trust", {})}
    state = {"path": folder / "state" / "outbox.sqlite"}
    for model in ("detector", "classifier"):  # Nothing here needs to know what is fastest.
        sections[model] = {"accelerator": "cpu", **sections.get(model, {})}
    return Settings.model_validate({"trust": trust, "outbox": state, **sections})
