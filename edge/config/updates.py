"""Where new bundles come from, and where they are kept."""

from typing import Annotated

from pydantic import AfterValidator, Field

from edge.config.section import HomePath, Section
from edge.updates.https_url import parse_https


def _is_https(url: str) -> str:
    parse_https(url)
    return url


class Updates(Section):
    """How bundles are renewed; see `maskgate update`."""

    url: Annotated[str, AfterValidator(_is_https)] | None = Field(
        None,
        examples=["https://models.example/compact.zip"],
        description="Where a bundle's zip is, https://…, for updates that name none.",
    )
    folder: HomePath | None = Field(
        None,
        examples=["/var/lib/maskgate/updates"],
        description="Folder that keeps them; by default 'updates' beside the outbox.",
    )
    max_megabytes: int = Field(
        100, ge=1, le=1000, description="Largest bundle that is fetched or kept, millions of bytes."
    )
    ca_file: HomePath | None = Field(
        None,
        examples=["/etc/maskgate/ca.pem"],
        description="CA certificates for https (PEM); the system's when not set.",
    )
