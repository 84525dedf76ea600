"""The settings: one TOML file, every key typed, described, defaulted and checked."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from edge.bundle import MODELS

Name = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
"""A name that fits into a topic and a host name."""
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Device(_Section):
    """Who this device is; part of every topic."""

    site: Name = Field("home", description="The building, e.g. 'hq'.")
    id: Name = Field("door", description="This device, e.g. 'north-door'.")


class Camera(_Section):
    """Where the frames come from."""

    name: Name = Field("entrance", description="The camera's name in alerts and topics.")
    source: str = Field(
        "demo",
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
    password_file: Path | None = Field(
        None, description="File whose first line is the password; or set MASKGATE_PASSWORD."
    )
    ca_file: Path | None = Field(
        None, description="CA certificates for mqtts (PEM); the system's when not set."
    )
    protocol: Literal["5", "3.1.1"] = Field("5", description="MQTT version.")
    keepalive: int = Field(30, ge=5, le=3600, description="Seconds between signs of life.")

    @field_validator("url")
    @classmethod
    def _is_broker_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        expected = "expected mqtt://[user@]host[:port] or mqtts://[user@]host[:port]"
        try:
            parts = urlsplit(url)
            fits = parts.scheme in {"mqtt", "mqtts"} and parts.hostname and parts.port != 0
        except ValueError as error:
            raise ValueError(f"{expected} ({error})") from error
        if parts.password is not None:
            raise ValueError(
                "a password must not stand in the URL; put it into a file and name that file as "
                "broker.password_file, or set MASKGATE_PASSWORD"
            )
        if not fits or parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError(expected)
        return url


class Detector(_Section):
    """How faces are found."""

    bundle: Path = Field(MODELS / "mtcnn", description="Folder of the detector's bundle.")
    form: Literal["float32", "dynamic"] | None = Field(
        None, description="Which form of the nets; the bundle's default when not set."
    )
    min_face: float = Field(
        40, ge=12, le=2000, description="Smallest face looked for, pixels of the frame."
    )
    factor: float = Field(
        0.709, gt=0.3, lt=0.95, description="Scale from one level of the pyramid to the next."
    )
    thresholds: tuple[Share, Share, Share] = Field(
        (0.6, 0.7, 0.8), description="Scores that P-Net, R-Net and O-Net must reach."
    )
    threads: int = Field(1, ge=1, le=16, description="CPU threads of each net.")


class Outbox(_Section):
    """Where alerts wait until the broker has them."""

    path: Path | None = Field(
        None, description="SQLite file; by default in the user's state folder (XDG_STATE_HOME)."
    )
    max_alerts: int = Field(
        100_000, ge=100, description="Alerts kept while the broker is away; then the oldest go."
    )
