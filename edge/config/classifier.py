"""How a face is told to be masked or bare."""

from pydantic import Field

from edge.bundle import MODELS
from edge.config.accelerator import ACCELERATOR, THREADS, AcceleratorName
from edge.config.section import HomePath, Section


class Classifier(Section):
    """How a face is told to be masked or bare."""

    bundle: HomePath = Field(
        MODELS / "compact", description="The classifier's bundle, a folder or a zip."
    )
    accelerator: AcceleratorName = ACCELERATOR
    threads: int | None = THREADS
