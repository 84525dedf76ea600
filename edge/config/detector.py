"""How faces are found."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from edge.bundle import MODELS, Share
from edge.config.accelerator import ACCELERATOR, THREADS, AcceleratorName
from edge.config.section import HomePath, Section

KINDS: dict[str, Path | None] = {
    "maskgate": MODELS / "maskgate",
    "mtcnn": MODELS / "mtcnn",
    "yunet": None,
}
"""The kinds of detector, and the bundle of each that has its nets in one."""

YUNET_THRESHOLD = 0.6
"""The usual one."""


def _is_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"expected {' or '.join(map(repr, KINDS))}")
    return kind


class Detector(Section):
    """How faces are found."""

    kind: Annotated[str, AfterValidator(_is_kind)] = Field(
        "maskgate",
        description="maskgate: one net that looks at the whole frame at once and knows faces "
        "behind masks; mtcnn: MTCNN's three nets, as everyone ships them; yunet: OpenCV's own, "
        "whose file is yours.",
    )
    file: HomePath | None = Field(None, description="The YuNet's file (ONNX), for kind yunet.")
    score_threshold: Share | None = Field(
        None,
        examples=[YUNET_THRESHOLD],
        description="Score that a face must exceed, for kinds maskgate and yunet; the bundle's "
        f"or {YUNET_THRESHOLD} when not set.",
    )
    bundle: HomePath = Field(
        MODELS,
        description="Bundle of the nets, a folder or a zip; the kind's own when not set.",
    )
    form: Literal["float32", "float16", "dynamic", "int8"] | None = Field(
        None,
        examples=["dynamic"],
        description="dynamic: quantised nets; float32: as they were trained, for kind mtcnn "
        "exactly the faces of the mtcnn package, slower; the bundle's default when not set.",
    )
    min_face: float = Field(
        40, ge=12, le=2000, description="Smallest face looked for, pixels of the frame."
    )
    factor: float | None = Field(
        None,
        gt=0.3,
        lt=0.95,
        description="Scale from one level of the pyramid to the next, such as 0.709, for kind "
        "mtcnn; the bundle's when not set.",
    )
    thresholds: tuple[Share, Share, Share] | None = Field(
        None,
        description="Scores that P-Net, R-Net and O-Net must exceed, such as [0.8, 0.7, 0.8], for "
        "kind mtcnn; the bundle's when not set.",
    )
    gate: bool = Field(
        default=True,
        description="Search what has moved and faces that are followed, and the whole frame every "
        "three seconds or when most of it moves; false: the whole of every frame.",
    )
    accelerator: AcceleratorName = ACCELERATOR
    threads: int | None = THREADS

    @field_validator("file")
    @classmethod
    def _is_for_yunet(cls, file: Path | None, known: ValidationInfo) -> Path | None:
        kind = known.data.get("kind")
        if file is None and kind == "yunet":
            raise ValueError('kind "yunet" needs the path of a YuNet in ONNX form')
        if file is not None and KINDS.get(kind or ""):
            raise ValueError(f'kind "{kind}" has its nets in a bundle; set detector.kind = "yunet"')
        return file

    @field_validator("score_threshold")
    @classmethod
    def _is_the_only_one(cls, threshold: float | None, known: ValidationInfo) -> float | None:
        if threshold is not None and known.data.get("kind") == "mtcnn":
            raise ValueError('kind "mtcnn" has three nets; set detector.thresholds instead')
        return threshold

    @field_validator("factor", "thresholds")
    @classmethod
    def _is_of_a_cascade(cls, value: object, known: ValidationInfo) -> object:
        if value is not None and known.data.get("kind", "mtcnn") != "mtcnn":
            raise ValueError(
                f'only kind "mtcnn" has it, and the kind is "{known.data["kind"]}"; '
                'take it out, or set detector.kind = "mtcnn"'
            )
        return value

    @field_validator("bundle")
    @classmethod
    def _is_for_nets(cls, bundle: Path, known: ValidationInfo) -> Path:
        kind = known.data.get("kind")
        if bundle == MODELS:  # not set
            return KINDS.get(kind or "") or bundle
        if kind == "yunet":
            raise ValueError('kind "yunet" has no bundle; set detector.file, or another kind')
        return bundle

    @field_validator("accelerator")
    @classmethod
    def _is_used(cls, accelerator: str, known: ValidationInfo) -> str:
        if known.data.get("kind") == "yunet" and accelerator not in ("auto", "cpu"):
            raise ValueError('kind "yunet" runs on the CPU; set "cpu", or another kind')
        return accelerator
