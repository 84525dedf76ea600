"""Whether pictures may leave the device."""

from pydantic import Field

from edge.config.section import Section


class Snapshot(Section):
    """Whether pictures may leave the device; by default none does."""

    enabled: bool = Field(
        default=False,
        description="Send a picture over MQTT when a violation begins, and when the command "
        "snapshot asks for one.",
    )
    pixelate: bool = Field(
        default=True, description="Make the faces in it unrecognisable before it is sent."
    )
