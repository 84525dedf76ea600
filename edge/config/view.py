"""The live view: a web page of this device."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from edge.config.section import HomePath, Section

HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]


class View(Section):
    """The live view: a web page for whoever aims the camera."""

    enabled: bool = Field(default=False, description="Serve the page; or run with --view.")
    address: str = Field(
        "127.0.0.1",
        description="IP address to listen at; 127.0.0.1: for this device only, 0.0.0.0: for "
        "everybody who reaches it and knows the password.",
    )
    port: int = Field(8790, ge=0, le=65_535, description="TCP port; 0 takes any that is free.")
    names: tuple[HostName, ...] = Field(
        (),
        max_length=20,
        description="Host names that the page is reached by, besides localhost and this device's "
        "own; by its IP address it always is.",
    )
    password_file: HomePath | None = Field(
        None,
        description="File whose first line is the page's password; needed at any address but "
        "loopback.",
    )
    cert_file: HomePath | None = Field(
        None, description="Certificate chain (PEM), to serve the page by TLS (https)."
    )
    key_file: HomePath | None = Field(None, description="The certificate's private key (PEM).")
    pixelate: bool | None = Field(
        None,
        description="Whether faces are pixelated; unless set they are at any address but loopback.",
    )

    @property
    def loopback(self) -> bool:
        """Whether only this device itself reaches the page."""
        return ip_address(self.address).is_loopback

    @property
    def hides_faces(self) -> bool:
        """Whether faces are pixelated."""
        return not self.loopback if self.pixelate is None else self.pixelate

    @field_validator("address")
    @classmethod
    def _is_ip_address(cls, address: str) -> str:
        try:
            return str(ip_address(address))
        except ValueError:
            raise ValueError("expected an IP address, e.g. 127.0.0.1 or 0.0.0.0") from None

    @field_validator("password_file")
    @classmethod
    def _is_there_for_others(cls, file: Path | None, known: ValidationInfo) -> Path | None:
        address = known.data.get("address")
        if file is None and address is not None and not ip_address(address).is_loopback:
            raise ValueError(
                f"view.address {address} is open to others: name a file whose first line is a "
                'password, or set view.address = "127.0.0.1"'
            )
        return file

    @field_validator("key_file")
    @classmethod
    def _goes_with_the_certificate(cls, key: Path | None, known: ValidationInfo) -> Path | None:
        if "cert_file" in known.data and (key is None) != (known.data["cert_file"] is None):
            raise ValueError("view.cert_file and view.key_file go together: set both or none")
        return key
