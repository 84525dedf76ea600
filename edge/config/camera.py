"""Where frames come from."""

from typing import Annotated

from pydantic import Field

from edge.config.section import NUMBER_AS_TEXT, Name, Section


class Camera(Section):
    """Where the frames come from."""

    name: Name = Field("entrance", description="The camera's name in alerts and topics.")
    source: Annotated[str, NUMBER_AS_TEXT] = Field(
        "demo",
        min_length=1,
        description="demo; a video, GIF, picture or folder of pictures; 0 or /dev/video0; "
        "rtsp://…; picamera2.",
    )
    width: int = Field(640, ge=64, le=8192, description="Width asked of a camera, pixels.")
    height: int = Field(480, ge=64, le=8192, description="Height asked of a camera, pixels.")
    rate: float = Field(15, gt=0, le=240, description="Frames per second asked of a camera.")
