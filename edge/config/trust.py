"""Which bundles this device runs."""

from pydantic import Field

from edge.config.section import HomePath, Section


class Trust(Section):
    """Which bundles this device runs."""

    keys: tuple[HomePath, ...] = Field(
        (),
        max_length=100,
        examples=[["/etc/maskgate/door.key.pub"]],
        description="Public keys (PEM) of those who may sign bundles; without any, a bundle needs "
        "no signature.",
    )
    allow_older: bool = Field(
        default=False,
        description="Run a bundle older than the one that ran here, and go on from there.",
    )
