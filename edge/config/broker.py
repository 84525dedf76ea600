"""The MQTT broker that alerts go to."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from edge.config.section import NUMBER_AS_TEXT, HomePath, Section
from edge.mqtt.broker_url import parse_broker_url


class Broker(Section):
    """The MQTT broker that alerts go to."""

    url: str | None = Field(
        None,
        examples=["mqtts://north-door@broker.example:8883"],
        description="mqtt://[user@]host[:port] or mqtts://…; without it an embedded broker "
        "runs on the loopback address.",
    )
    password_file: HomePath | None = Field(
        None,
        examples=["/etc/maskgate/password"],
        description="File whose first line is the password; or set MASKGATE_PASSWORD.",
    )
    ca_file: HomePath | None = Field(
        None,
        examples=["/etc/maskgate/ca.pem"],
        description="CA certificates for mqtts (PEM); the system's when not set.",
    )
    cert_file: HomePath | None = Field(
        None,
        examples=["/etc/maskgate/north-door.pem"],
        description="The device's own certificate (PEM), where the broker asks for one.",
    )
    key_file: HomePath | None = Field(
        None,
        examples=["/etc/maskgate/north-door.key"],
        description="Its private key (PEM, without a password); in cert_file when not set.",
    )
    protocol: Annotated[Literal["5", "3.1.1"], NUMBER_AS_TEXT] = Field(
        "5", description="MQTT version."
    )
    keepalive: int = Field(30, ge=5, le=3600, description="Seconds between signs of life.")

    @field_validator("password_file", "ca_file", "cert_file", "key_file")
    @classmethod
    def _needs_a_url(cls, file: Path | None, known: ValidationInfo) -> Path | None:
        # The URL comes first; without one, the embedded broker would be taken in its place.
        if file is not None and "url" in known.data and known.data["url"] is None:
            raise ValueError("there is no broker.url that it could be for")
        return file

    @field_validator("key_file")
    @classmethod
    def _is_of_a_certificate(cls, file: Path | None, known: ValidationInfo) -> Path | None:
        if file is not None and known.data.get("cert_file") is None:
            raise ValueError("there is no broker.cert_file that it could be for")
        return file

    @field_validator("url")
    @classmethod
    def _is_broker_url(cls, url: str | None) -> str | None:
        if url is not None:
            parse_broker_url(url)
        return url
