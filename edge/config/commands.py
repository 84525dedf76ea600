"""What may be asked of this device over MQTT."""

from typing import Literal, get_args

from pydantic import Field

from edge.config.section import Section

CommandName = Literal["pause", "resume", "snapshot", "reload", "update"]
COMMANDS: tuple[CommandName, ...] = get_args(CommandName)


class Commands(Section):
    """What may be asked of this device over MQTT."""

    allow: tuple[CommandName, ...] = Field(
        (),
        examples=[["pause", "resume"]],
        description=f"Commands that are obeyed, of {', '.join(COMMANDS)}; none when not set. "
        "Whoever may write to the device's topics at the broker can then give them.",
    )
