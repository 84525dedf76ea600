"""Where new bundles come from, and where they are kept."""

from pydantic import Field

from edge.config.section import HomePath, Section


class Updates(Section):
    """How bundles are renewed; see `maskgate update`."""

    folder: HomePath | None = Field(
        None,
        description="Folder that keeps them; by default 'updates' beside the outbox.",
    )
    max_megabytes: int = Field(
        100, ge=1, le=1000, description="Largest bundle that is fetched or kept, millions of bytes."
    )
    ca_file: HomePath | None = Field(
        None, description="CA certificates for https (PEM); the system's when not set."
    )
