"""Who this device is."""

from pydantic import Field

from edge.config.section import Name, Section


class Device(Section):
    """Who this device is; part of every topic."""

    site: Name = Field("home", description="The building, e.g. 'hq'.")
    id: Name = Field("door", description="This device, e.g. 'north-door'.")
