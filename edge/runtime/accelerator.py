"""What a model may run on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

AUTO = "auto"
DELEGATE = "delegate:"
MOST_THREADS = 4
"""Threads that "auto" tries at most: nets this small gain nothing from more, and the boards that
the device is made for have no more cores."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """The CPU with so many threads, the GPU, or an external delegate's library."""

    kind: Literal["cpu", "gpu", "delegate"]
    threads: int = 1
    """Of the CPU; with a delegate, for the operations that it leaves."""
    library: str = ""
    """The delegate's file, from the root, or a name that the system's loader finds."""

    def __str__(self) -> str:
        """As the settings and tables name it: "cpu, 2 threads", "gpu", "delegate:PATH"."""
        if self.kind == "cpu":
            return f"cpu, {self.threads} thread{'s' if self.threads > 1 else ''}"
        return "gpu" if self.kind == "gpu" else DELEGATE + self.library


CPU = Accelerator("cpu")


def parse_accelerator(text: str, threads: int | None = None) -> Accelerator | None:
    """Read what the settings say.

    Args:
        text: "auto", "cpu", "gpu" or "delegate:PATH"; PATH may begin with ~, the user's home
            folder, or be the bare name of a library.
        threads: of the CPU; 1 when None.

    Returns:
        None for "auto".

    Raises:
        ValueError: the text is none of them, or no home folder is known for ~.
    """
    if text == AUTO:
        return None
    if text == "cpu":
        return Accelerator("cpu", threads or 1)
    if text == "gpu":
        return Accelerator("gpu")
    library = text.removeprefix(DELEGATE)
    if library == text or not library:
        raise ValueError('expected "auto", "cpu", "gpu" or "delegate:PATH"')
    if "/" in library:
        # A trial runs in another folder.
        try:
            library = str(Path(library).expanduser().absolute())
        except RuntimeError as error:
            raise ValueError("no home folder is known for ~") from error
    return Accelerator("delegate", library=library)
