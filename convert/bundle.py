"""Write a model bundle: all of it, or nothing."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.bundle import SCHEMA, Form, load_bundle
from edge.bundle_files import MANIFEST, is_bundle
from edge.errors import MaskGateError
from edge.writing import replacing, sync


def require_free(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that is already there or cannot be made, before long work is done for it.

    Raises:
        MaskGateError: something is there and may not be replaced, or is no bundle; or this user may
            not write where it shall be.
    """
    try:
        is_there, replaceable = out.exists(), is_bundle(out)
    except OSError as error:
        raise MaskGateError(f"bundle {out}: {error.strerror}; choose another folder") from error
    _require_writable(out)
    if not is_there:
        return
    if not overwrite:
        raise MaskGateError(f"bundle {out}: it is already there; add --overwrite to replace it")
    if not replaceable:
        raise MaskGateError(
            f"bundle {out}: it holds no manifest.json, so it is no bundle and is not replaced; "
            "choose another folder"
        )


def _require_writable(out: Path) -> None:
    """Check the folder that is there of those that the bundle shall be in."""
    place = next(folder for folder in out.absolute().parents if os.path.lexists(folder))
    if not place.is_dir():
        raise MaskGateError(f"bundle {out}: {place} is no folder; choose another one")
    if not os.access(place, os.W_OK | os.X_OK):
        raise MaskGateError(
            f"bundle {out}: this user may not write into {place}; choose another folder"
        )


def write_bundle(
    out: Path,
    manifest: Mapping[str, Any],
    models: Mapping[tuple[str, Form], bytes],
    *,
    overwrite: bool = False,
) -> None:
    """Write the model files and the manifest that describes them.

    Everything is written beside `out` first and moved there when it is complete and on the disk, so
    a reader never sees half a bundle, not even after a power cut.

    Args:
        out: the bundle's folder.
        manifest: the fields of edge.bundle.Manifest but for `schema` and `files`.
        models: the .tflite file of each net in each form.
        overwrite: replace a bundle that is already there.

    Raises:
        MaskGateError: the folder is taken or cannot be written, or the manifest does not hold.
    """
    require_free(out, overwrite=overwrite)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
            new, old = Path(temporary) / "new", Path(temporary) / "old"
            new.mkdir()
            _fill(new, manifest, models)
            load_bundle(new)
            replaces = out.exists()
            if replaces:
                out.rename(old)
            try:
                new.rename(out)
            except OSError:
                if replaces:
                    old.rename(out)
                raise
        sync(out.parent)
    except OSError as error:
        raise MaskGateError(
            f"bundle {out}: it cannot be written ({error.strerror}); choose another folder"
        ) from error


def _fill(
    folder: Path, manifest: Mapping[str, Any], models: Mapping[tuple[str, Form], bytes]
) -> None:
    files = []
    for (net, form), content in models.items():
        path = f"{net}.{form}.tflite"
        with replacing(folder / path) as file:
            file.write(content)
        files.append(
            {
                "net": net,
                "form": form,
                "path": path,
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
            }
        )
    text = json.dumps({"schema": SCHEMA, **manifest, "files": files}, indent=2)
    with replacing(folder / MANIFEST) as file:
        file.write(f"{text}\n".encode())
