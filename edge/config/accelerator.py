"""What nets run on, the same for the detector and the classifier."""

from typing import Annotated

from pydantic import AfterValidator, Field

from edge.runtime.accelerator import MOST_THREADS, parse_accelerator


def _is_accelerator(text: str) -> str:
    parse_accelerator(text)
    return text


AcceleratorName = Annotated[str, AfterValidator(_is_accelerator)]
ACCELERATOR = Field(
    "auto",
    description="auto: whatever is clearly fastest, as measured on this device; cpu; gpu; "
    "delegate:PATH, an external delegate of TFLite.",
)
THREADS = Field(
    None,
    examples=[2],
    ge=1,
    le=16,
    description="CPU threads that a net may use. cpu uses so many, 1 when not set; auto tries "
    f"no more, when not set as many as there are cores and at most {MOST_THREADS}.",
)
