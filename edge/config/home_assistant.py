"""Whether Home Assistant finds the device by itself."""

from typing import Annotated

from pydantic import Field

from edge.config.section import Section


class HomeAssistant(Section):
    """Whether Home Assistant finds the device by itself."""

    discovery: bool = Field(
        default=False, description="Describe the device to Home Assistant at the same broker."
    )
    prefix: Annotated[str, Field(pattern="^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", max_length=100)] = (
        Field("homeassistant", description="Home Assistant's own discovery prefix.")
    )
