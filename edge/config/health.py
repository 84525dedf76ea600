"""How the device watches over itself."""

from pydantic import Field

from edge.config.section import Section


class Health(Section):
    """How the device watches over itself, and spares itself."""

    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65_535,
        description="Port on the loopback address where Prometheus finds metrics; none when not "
        "set.",
    )
    hot: float = Field(
        80,
        ge=40,
        le=110,
        description="°C from which frames are skipped, ever more of them; a Raspberry Pi slows "
        "itself down at 80 to 85.",
    )
    late_after: float = Field(
        1.0,
        gt=0,
        le=60,
        description="Seconds from a frame being taken to its turn after which it is skipped.",
    )
