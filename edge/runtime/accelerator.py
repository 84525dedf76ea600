"""What a model may run on."""

from dataclasses import dataclass
from typing import Literal

DELEGATE = "delegate:"


@dataclass(frozen=True, slots=True)
class Accelerator:
    """The CPU with so many threads, the GPU, or an external delegate's library."""

    kind: Literal["cpu", "gpu", "delegate"]
    threads: int = 1
    """Of the CPU; with a delegate, for the operations that it leaves."""
    library: str = ""
    """The delegate's file, or a name that the system's loader finds."""

    def __str__(self) -> str:
        """As the settings and tables name it: "cpu, 2 threads", "gpu", "delegate:PATH"."""
        if self.kind == "cpu":
            return f"cpu, {self.threads} thread{'s' if self.threads > 1 else ''}"
        return "gpu" if self.kind == "gpu" else DELEGATE + self.library


CPU = Accelerator("cpu")
