"""Write a model bundle: all of it, or nothing."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.bundle import SCHEMA, Form, load_bundle
from edge.errors import MaskGateError


def require_free(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that is already there, before long work is done for it.

    Raises:
        MaskGateError: something is there and may not be replaced, or is no bundle.
    """
    if not out.exists():
        return
    if not overwrite:
        raise MaskGateError(f"bundle {out}: it is already there; add --overwrite to replace it")
    if not (out / "manifest.json").is_file():
        raise MaskGateError(
            f"bundle {out}: it holds no manifest.json, so it is no bundle and is not replaced; "
            "choose another folder"
        )


def write_bundle(
    out: Path,
    manifest: Mapping[str, Any],
    models: Mapping[tuple[str, Form], bytes],
    *,
    overwrite: bool = False,
) -> None:
    """Write the model files and the manifest that describes them.

    Everything is written beside `out` first and moved there when complete, so a reader never sees
    half a bundle.

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
            if out.exists():
                out.rename(old)
            new.rename(out)
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
        (folder / path).write_bytes(content)
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
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
