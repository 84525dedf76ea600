"""How people are followed and judged."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from edge.bundle import Share
from edge.config.section import Seconds, Section

Label = Literal["face_with_mask", "face_no_mask", "face_with_mask_incorrect"]
"""The dataset's words for how a mask is worn."""


class Tracking(Section):
    """How a person is followed from frame to frame."""

    reach: float = Field(
        0.9, gt=0, le=5, description="How far a face may be from where it was expected, in faces."
    )
    confirm_hits: int = Field(
        3, ge=1, le=100, description="Frames that must show a face before it counts as a person."
    )
    forget_after: Seconds = Field(
        3, description="Seconds a person may be hidden and still be the same person."
    )


class Decision(Section):
    """When a person counts as masked, bare or unsure, and when that is a violation."""

    violations: tuple[Label, ...] = Field(
        ("face_no_mask", "face_with_mask_incorrect"),
        min_length=1,
        description="Labels that raise an alert.",
    )
    window: int = Field(15, ge=1, le=1000, description="Newest votes that count.")
    min_votes: int = Field(
        4, ge=1, le=1000, description="Votes needed for a verdict; at most the window."
    )
    agreement: Share = Field(0.75, description="Share of the votes that must agree.")
    min_face: float | None = Field(
        None,
        examples=[60],
        gt=0,
        le=2000,
        description="Longer side in pixels from which a face may vote; detector.min_face when "
        "not set.",
    )
    max_turn: float = Field(
        0.9,
        gt=0,
        le=10,
        description="Faces turned further aside are unsure: 0 is straight on, 1 about a profile.",
    )
    min_sharpness: float = Field(
        0.02, ge=0, le=10, description="Faces less sharp than this are unsure; 0 is a smear."
    )
    classify_every: Seconds = Field(
        0.3, description="Seconds between looks at a person whose verdict stands."
    )
    faces_per_frame: int = Field(
        5, ge=1, le=100, description="Faces classified per frame; those with the oldest look first."
    )
    cooldown: Seconds = Field(
        10, description="Seconds after a violation in which the same spot stays silent."
    )

    @field_validator("min_votes")
    @classmethod
    def _fits_the_window(cls, min_votes: int, known: ValidationInfo) -> int:
        window = known.data.get("window", min_votes)
        if min_votes > window:
            raise ValueError(f"no more votes than the window of {window} ever count")
        return min_votes
