"""Model bundles: a folder with a manifest and the TFLite files that it names.

The manifest alone tells the device all it needs; the device has no preprocessing constants of
its own.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from edge.errors import MaskGateError

SCHEMA = 1
MODELS = Path(__file__).parent / "models"
"""The bundles that ship with the device, one folder each."""

Share = Annotated[float, Field(ge=0, le=1)]
Form = Literal["float32", "float16", "dynamic", "int8", "uint8"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Strict):
    """How a picture becomes the model's input: value = (pixel - offset) / scale.

    Width and height are those of the last net where a bundle has several.
    """

    width: int = Field(gt=0)
    height: int = Field(gt=0)
    colour: Literal["RGB"]
    dtype: Literal["uint8", "int8", "float32"]
    offset: float
    scale: float = Field(gt=0)
    margin: float = Field(default=0.0, ge=0, le=2)
    """Share of the face's longer side that the cut adds to it."""


class ModelFile(_Strict):
    """One TFLite file: which net it holds, in which form."""

    net: str
    form: Form
    path: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(gt=0)

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or "\\" in path:
            raise ValueError(f"the path {path!r} leaves the bundle's folder")
        return path


class Manifest(_Strict):
    """What a bundle says of itself (manifest.json)."""

    # "schema" is what the file calls it; BaseModel keeps that name for itself.
    schema_version: Literal[1] = Field(alias="schema")
    name: str
    version: str
    task: Literal["face-detection", "mask-classification"]
    labels: tuple[str, ...] = ()
    """Classification: the label of each output, in their order."""
    input: Input
    output: str
    """What the output tensor means, in words."""
    threshold: Share | None = None
    """Classification: the smallest probability of the first label that counts as that label."""
    unsure: tuple[Share, Share] | None = None
    """Classification: probabilities of the first label between these are no vote."""
    files: tuple[ModelFile, ...] = Field(min_length=1)
    default_form: Form
    measured: dict[str, Any]
    origin: dict[str, Any]
    """Dataset fingerprint, recipe and source revision, or where the weights come from."""
    licence: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are there and unaltered."""

    folder: Path
    manifest: Manifest

    def model(self, net: str, form: Form | None = None) -> bytes:
        """The TFLite file of a net, checked against the manifest.

        Args:
            net: e.g. "pnet" or "classifier".
            form: which form; the manifest's default when None.

        Raises:
            MaskGateError: no such net or form, a missing file, a wrong size or hash.
        """
        wanted = form or self.manifest.default_form
        for file in self.manifest.files:
            if (file.net, file.form) == (net, wanted):
                return self._checked(file)
        there = ", ".join(f"{file.net} {file.form}" for file in self.manifest.files)
        raise MaskGateError(f"bundle {self.folder}: no {net} in form {wanted}; it holds {there}")

    def _checked(self, file: ModelFile) -> bytes:
        path = self.folder / file.path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise MaskGateError(
                f"model file {path}: {error.strerror}; install the bundle again"
            ) from error
        if len(content) != file.size:
            raise MaskGateError(
                f"model file {path}: expected {file.size} bytes, found {len(content)}; "
                "it was cut short or replaced, install the bundle again"
            )
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise MaskGateError(
                f"model file {path}: its SHA-256 differs from the manifest's; "
                "it was altered, install the bundle again"
            )
        return content


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle's manifest; the model files are checked when they are read.

    Raises:
        MaskGateError: no manifest, not JSON, an unknown schema, or a field that does not fit.
    """
    path = folder / "manifest.json"
    try:
        text = path.read_bytes()
    except OSError as error:
        raise MaskGateError(
            f"bundle {folder}: cannot read manifest.json ({error.strerror}); "
            "expected a bundle's folder, install the bundle again or name another"
        ) from error
    try:
        return Bundle(folder, Manifest.model_validate_json(text))
    except ValidationError as error:
        raise MaskGateError(f"bundle {folder}: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "manifest.json"
    if where == "schema":
        return (
            f"manifest.json has schema {fault['input']!r}, expected {SCHEMA}; "
            "update maskgate or use a bundle made for this version"
        )
    return f"manifest.json, {where}: {fault['msg']}"
