"""Where alerts wait."""

from pydantic import Field

from edge.config.section import HomePath, Section


class Outbox(Section):
    """Where alerts wait until the broker has them."""

    path: HomePath | None = Field(
        None,
        examples=["/var/lib/maskgate/outbox.sqlite"],
        description="SQLite file; by default in the user's state folder (XDG_STATE_HOME).",
    )
    max_alerts: int = Field(
        100_000, ge=100, description="Alerts kept while the broker is away; then the oldest go."
    )
    max_bytes: int = Field(
        64_000_000,
        ge=10_000,
        description="Bytes of the alerts kept, then the oldest go; the file takes a fifth more, "
        "and its log 5 MB.",
    )
