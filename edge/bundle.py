"""Model bundles: a folder, or a zip of it, with a manifest and the TFLite files that it names.

The manifest alone tells the device all it needs; the device has no preprocessing constants of
its own.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from edge.bundle_files import MANIFEST, BundleFiles, FolderFiles, ZipFiles, stays_inside
from edge.errors import MaskGateError, as_shown

SCHEMA = 1
SIGNATURE = "manifest.sig"
"""The file with the signature of the manifest, which holds the hashes of all other files."""
MANIFEST_LIMIT = 1_000_000
"""Bytes of a manifest; those of the bundles that ship have a few thousand."""
MODEL_LIMIT = 128 * 2**20
"""Bytes of a model file: twice the largest that is made here (VGG16, float32), on a device with a
gigabyte of memory."""
MODELS = Path(__file__).parent / "models"
"""The bundles that ship with the device, one folder each."""

Share = Annotated[float, Field(ge=0, le=1)]
Form = Literal["float32", "float16", "dynamic", "int8", "uint8"]
_NUMBER = "(0|[1-9][0-9]{0,5})"
VERSION_PATTERN = rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}$"
VersionText = Annotated[str, Field(pattern=VERSION_PATTERN)]
"""A version as it is written: "2.0.10"."""
BundleName = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class Version(NamedTuple):
    """A version that can be compared: 2.0.10 is newer than 2.0.9."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: VersionText) -> "Version":
        """Read a version as a manifest has it."""
        return cls(*map(int, text.split(".")))

    def __str__(self) -> str:
        return ".".join(map(str, self))


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
    offset: float = Field(allow_inf_nan=False)
    scale: float = Field(gt=0, allow_inf_nan=False)
    margin: float = Field(default=0.0, ge=0, le=2)
    """Share of the face's longer side that the cut adds to it."""
    sampling: Literal["exact", "quick"] = "exact"
    """Detection: how the nets were shown pictures. exact: as TensorFlow resizes, which is slow, so
    that only the form float32 is shown them so; quick: as the device resizes bytes. See
    edge.vision.sampling."""

    def values(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """What a float32 model is given for some pixels, 0..255."""
        values = (pixels.astype(np.float32) - np.float32(self.offset)) / np.float32(self.scale)
        return np.asarray(values, np.float32)


class ModelFile(_Strict):
    """One TFLite file: which net it holds, in which form."""

    net: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,30}$")]
    form: Form
    path: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(gt=0, le=MODEL_LIMIT)

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if not stays_inside(path):
            raise ValueError(f"the path {as_shown(repr(path))} leaves the bundle's folder")
        return path


class Manifest(_Strict):
    """What a bundle says of itself (manifest.json)."""

    # "schema" is what the file calls it; BaseModel keeps that name for itself.
    schema_version: Literal[1] = Field(alias="schema")
    name: BundleName
    version: VersionText
    task: Literal["face-detection", "mask-classification"]
    labels: tuple[str, ...] = ()
    """Classification: the label of each output, in their order."""
    input: Input
    output: str
    """What the output tensor means, in words."""
    threshold: Share | None = None
    """Classification: the smallest probability of the first label that counts as that label.
    Detection by one net: the probability that a face must exceed."""
    smallest: float | None = Field(default=None, ge=4, le=1000)
    """Detection by one net: the size at which it is shown the smallest faces looked for, pixels."""
    doubt: float | None = Field(default=None, ge=0, le=1)
    """Detection by one net, with O-Net to look at its faces again: how much O-Net's logit counts
    beside the net's, where it speaks against."""
    unsure: tuple[Share, Share] | None = None
    """Classification: probabilities of the first label between these are no vote."""
    # The mtcnn package has 0.6 for P-Net. On 117 photos of masked crowds, 0.8 shows R-Net half as
    # many boxes and finds 67.4 % of the masked faces, not 68.9 %, and 83 % of the bare ones.
    thresholds: tuple[Share, Share, Share] = (0.8, 0.7, 0.8)
    """Detection by three nets: probabilities that P-Net, R-Net and O-Net must exceed."""
    factor: float = Field(default=0.709, gt=0.3, lt=0.95)
    """Detection by three nets: scale from one level of the pyramid to the next."""
    files: tuple[ModelFile, ...] = Field(min_length=1)
    default_form: Form
    measured: dict[str, Any]
    origin: dict[str, Any]
    """Dataset fingerprint, recipe and source revision, or where the weights come from."""
    licence: str

    @field_validator("files")
    @classmethod
    def _no_form_twice(cls, files: tuple[ModelFile, ...]) -> tuple[ModelFile, ...]:
        if len({(file.net, file.form) for file in files}) < len(files):
            raise ValueError("a net is there twice in the same form")
        return files

    @field_validator("default_form")
    @classmethod
    def _is_there(cls, form: Form, known: ValidationInfo) -> Form:
        files = known.data.get("files", ())
        lacking = {file.net for file in files} - {file.net for file in files if file.form == form}
        if lacking:
            raise ValueError(_no_such(min(lacking), form, files))
        return form


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle; its files are checked against the manifest whenever they are read."""

    path: Path
    """Of the folder, or of the zip."""
    manifest: Manifest
    signed: bytes = field(repr=False)
    """The very bytes of manifest.json, which a signature is of."""
    files: BundleFiles = field(repr=False)

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
                return self.content(file)
        raise MaskGateError(f"bundle {self.path}: {_no_such(net, wanted, self.manifest.files)}")

    def content(self, file: ModelFile) -> bytes:
        """One of the manifest's files, checked against it.

        Raises:
            MaskGateError: it is missing, or has another size or hash.
        """
        path = self.path / file.path
        try:
            size = self.files.size(file.path)
            if size == file.size:
                content = self.files.read(file.path, file.size)
                size = len(content)
        except OSError as error:
            raise MaskGateError(
                f"model file {path}: {error.strerror}; install the bundle again"
            ) from error
        if size != file.size:
            raise MaskGateError(
                f"model file {path}: expected {file.size} bytes, found {size}; "
                "it was cut short or replaced, install the bundle again"
            )
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise MaskGateError(
                f"model file {path}: its SHA-256 differs from the manifest's; "
                "it was altered, install the bundle again"
            )
        return content


def load_bundle(path: Path) -> Bundle:
    """Read a bundle's manifest; the model files are checked when they are read.

    Whom it is from is not looked at: a device takes its bundles by edge.trust.gate.load_trusted.

    Args:
        path: the bundle's folder, or a zip of it.

    Raises:
        MaskGateError: no manifest, not JSON, an unknown schema, a field that does not fit, or a zip
            that is damaged or made to do harm.
    """
    try:
        files = ZipFiles(path) if path.is_file() else FolderFiles(path)
        size = files.size(MANIFEST)
        if size <= MANIFEST_LIMIT:
            signed = files.read(MANIFEST, MANIFEST_LIMIT)
            size = len(signed)
    except OSError as error:
        raise MaskGateError(
            f"bundle {path}: cannot read manifest.json ({error.strerror}); "
            "expected a bundle's folder or a zip of it, install the bundle again or name another"
        ) from error
    if size > MANIFEST_LIMIT:
        raise MaskGateError(
            f"bundle {path}: manifest.json has {size} bytes, expected at most {MANIFEST_LIMIT}; "
            "name another bundle"
        )
    try:
        manifest = Manifest.model_validate_json(signed)
    except ValidationError as error:
        raise MaskGateError(f"bundle {path}: {_first_fault(error)}") from error
    return Bundle(path, manifest, signed, files)


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(as_shown(str(part)) for part in fault["loc"])
    if where == "schema":
        return (
            f"manifest.json has schema {as_shown(repr(fault['input']))}, expected {SCHEMA}; "
            "update maskgate or use a bundle made for this version"
        )
    if where == "version":
        return (
            f"manifest.json, version: expected e.g. 2.0.1, found {as_shown(repr(fault['input']))}"
        )
    message = fault["msg"].removeprefix("Value error, ")
    if not where:
        return f"manifest.json: {as_shown(message, 300)}; it is damaged, install the bundle again"
    return f"manifest.json, {where}: {as_shown(message, 300)}"


def _no_such(net: str, form: Form, files: Iterable[ModelFile]) -> str:
    there = ", ".join(f"{file.net} {file.form}" for file in files)
    return f"no {net} in form {form}; it holds {there}"
