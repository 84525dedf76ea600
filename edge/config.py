"""The settings: one TOML file, every key typed, described, defaulted and checked."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from edge.bundle import MODELS, Share
from edge.mqtt.broker_url import parse_broker_url
from edge.runtime.accelerator import MOST_THREADS, parse_accelerator

Name = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
"""A name that fits into a topic and a host name."""
Label = Literal["face_with_mask", "face_no_mask", "face_with_mask_incorrect"]
"""The dataset's words for how a mask is worn."""


def _as_text(value: object) -> object:
    return str(value) if type(value) is int else value


NUMBER_AS_TEXT = BeforeValidator(_as_text)
"""Takes 0 for "0": TOML has both, and a person does not care."""


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("no home folder is known for ~") from error


HomePath = Annotated[Path, AfterValidator(_expanded)]
"""A path that may begin with ~, the user's home folder."""
Seconds = Annotated[float, Field(ge=0, le=86_400)]


def _is_accelerator(text: str) -> str:
    parse_accelerator(text)
    return text


AcceleratorName = Annotated[str, AfterValidator(_is_accelerator)]
ACCELERATOR = Field(
    "auto",
    description="auto: whatever is clearly fastest, as measured on this device; cpu; gpu; "
    "delegate:PATH, an external delegate of TFLite.",
)
THREADS = Field(
    None,
    ge=1,
    le=16,
    description="CPU threads that a net may use. cpu uses so many, 1 when not set; auto tries "
    f"no more, when not set as many as there are cores and at most {MOST_THREADS}.",
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Device(_Section):
    """Who this device is; part of every topic."""

    site: Name = Field("home", description="The building, e.g. 'hq'.")
    id: Name = Field("door", description="This device, e.g. 'north-door'.")


class Camera(_Section):
    """Where the frames come from."""

    name: Name = Field("entrance", description="The camera's name in alerts and topics.")
    source: Annotated[str, NUMBER_AS_TEXT] = Field(
        "demo",
        min_length=1,
        description="demo; a video, GIF, picture or folder of pictures; 0 or /dev/video0; "
        "rtsp://…; picamera2.",
    )
    width: int = Field(640, ge=64, le=8192, description="Width asked of a camera, pixels.")
    height: int = Field(480, ge=64, le=8192, description="Height asked of a camera, pixels.")
    rate: float = Field(15, gt=0, le=240, description="Frames per second asked of a camera.")


class Broker(_Section):
    """The MQTT broker that alerts go to."""

    url: str | None = Field(
        None,
        description="mqtt://[user@]host[:port] or mqtts://…; without it an embedded broker "
        "runs on the loopback address.",
    )
    password_file: HomePath | None = Field(
        None, description="File whose first line is the password; or set MASKGATE_PASSWORD."
    )
    ca_file: HomePath | None = Field(
        None, description="CA certificates for mqtts (PEM); the system's when not set."
    )
    protocol: Annotated[Literal["5", "3.1.1"], NUMBER_AS_TEXT] = Field(
        "5", description="MQTT version."
    )
    keepalive: int = Field(30, ge=5, le=3600, description="Seconds between signs of life.")

    @field_validator("password_file", "ca_file")
    @classmethod
    def _needs_a_url(cls, file: Path | None, known: ValidationInfo) -> Path | None:
        # The URL comes first; without one, the embedded broker would be taken in its place.
        if file is not None and "url" in known.data and known.data["url"] is None:
            raise ValueError("there is no broker.url that it could be for")
        return file

    @field_validator("url")
    @classmethod
    def _is_broker_url(cls, url: str | None) -> str | None:
        if url is not None:
            parse_broker_url(url)
        return url


KINDS: dict[str, Path | None] = {
    "maskgate": MODELS / "maskgate",
    "mtcnn": MODELS / "mtcnn",
    "yunet": None,
}
"""The kinds of detector, and the bundle of each that is P-Net, R-Net and O-Net."""


def _is_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"expected {' or '.join(map(repr, KINDS))}")
    return kind


class Detector(_Section):
    """How faces are found."""

    kind: Annotated[str, AfterValidator(_is_kind)] = Field(
        "maskgate",
        description="maskgate: three nets, in a bundle, taught faces behind masks; mtcnn: the "
        "same before that, as everyone ships them; yunet: OpenCV's own, whose file is yours.",
    )
    file: HomePath | None = Field(None, description="The YuNet's file (ONNX), for kind yunet.")
    score_threshold: Share = Field(
        0.6, description="Score that a face must exceed, for kind yunet."
    )
    bundle: HomePath = Field(
        MODELS,
        description="Bundle of the nets, a folder or a zip; the kind's own when not set.",
    )
    form: Literal["float32", "float16", "dynamic", "int8"] | None = Field(
        None,
        description="dynamic: quantised nets, quick resizing; float32: exactly the faces of the "
        "mtcnn package, slower; the bundle's default when not set.",
    )
    min_face: float = Field(
        40, ge=12, le=2000, description="Smallest face looked for, pixels of the frame."
    )
    factor: float | None = Field(
        None,
        gt=0.3,
        lt=0.95,
        description="Scale from one level of the pyramid to the next; the bundle's when not set.",
    )
    thresholds: tuple[Share, Share, Share] | None = Field(
        None,
        description="Scores that P-Net, R-Net and O-Net must exceed; the bundle's when not set.",
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


class Classifier(_Section):
    """How a face is told to be masked or bare."""

    bundle: HomePath = Field(
        MODELS / "compact", description="The classifier's bundle, a folder or a zip."
    )
    accelerator: AcceleratorName = ACCELERATOR
    threads: int | None = THREADS


class Tracking(_Section):
    """How a person is followed from frame to frame."""

    reach: float = Field(
        0.9, gt=0, le=5, description="How far a face may be from where it was expected, in faces."
    )
    confirm_hits: int = Field(
        3, ge=1, le=100, description="Frames that must show a face before it counts as a person."
    )
    forget_after: Seconds = Field(
        3, description="Seconds a person may be hidden and still be the same person."
    )


class Decision(_Section):
    """When a person counts as masked, bare or unsure, and when that is a violation."""

    violations: tuple[Label, ...] = Field(
        ("face_no_mask", "face_with_mask_incorrect"),
        min_length=1,
        description="Labels that raise an alert.",
    )
    window: int = Field(15, ge=1, le=1000, description="Newest votes that count.")
    min_votes: int = Field(
        4, ge=1, le=1000, description="Votes needed for a verdict; at most the window."
    )
    agreement: Share = Field(0.75, description="Share of the votes that must agree.")
    min_face: float | None = Field(
        None,
        gt=0,
        le=2000,
        description="Longer side in pixels from which a face may vote; detector.min_face when "
        "not set.",
    )
    max_turn: float = Field(
        0.9,
        gt=0,
        le=10,
        description="Faces turned further aside are unsure: 0 is straight on, 1 about a profile.",
    )
    min_sharpness: float = Field(
        0.02, ge=0, le=10, description="Faces less sharp than this are unsure; 0 is a smear."
    )
    classify_every: Seconds = Field(
        0.3, description="Seconds between looks at a person whose verdict stands."
    )
    faces_per_frame: int = Field(
        5, ge=1, le=100, description="Faces classified per frame; those with the oldest look first."
    )
    cooldown: Seconds = Field(
        10, description="Seconds after a violation in which the same spot stays silent."
    )

    @field_validator("min_votes")
    @classmethod
    def _fits_the_window(cls, min_votes: int, known: ValidationInfo) -> int:
        window = known.data.get("window", min_votes)
        if min_votes > window:
            raise ValueError(f"no more votes than the window of {window} ever count")
        return min_votes


class Outbox(_Section):
    """Where alerts wait until the broker has them."""

    path: HomePath | None = Field(
        None, description="SQLite file; by default in the user's state folder (XDG_STATE_HOME)."
    )
    max_alerts: int = Field(
        100_000, ge=100, description="Alerts kept while the broker is away; then the oldest go."
    )


class Trust(_Section):
    """Which bundles this device runs."""

    keys: tuple[HomePath, ...] = Field(
        (),
        max_length=100,
        description="Public keys (PEM) of those who may sign bundles; without any, a bundle needs "
        "no signature.",
    )
    allow_older: bool = Field(
        default=False,
        description="Run a bundle older than the one that ran here, and go on from there.",
    )


class Settings(BaseModel):
    """All settings of a device."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Device = Device()
    camera: Camera = Camera()
    broker: Broker = Broker()
    detector: Detector = Detector()
    classifier: Classifier = Classifier()
    tracking: Tracking = Tracking()
    decision: Decision = Decision()
    outbox: Outbox = Outbox()
    trust: Trust = Trust()
