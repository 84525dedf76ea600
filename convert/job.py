"""What every conversion is asked to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convert.on_gpu import Report
from convert.verification import Runtime
from edge.bundle import Form


@dataclass(frozen=True, slots=True)
class Job:
    """One conversion, whatever the model."""

    out: Path
    """The bundle's folder."""
    forms: Sequence[Form]
    """Which to make; none: those that the model is usually made in."""
    under: Sequence[Runtime]
    """The runtimes to verify with."""
    skipped: Sequence[str]
    """What cannot be verified here, and why."""
    allow_loss: bool
    """Take the most preferred form as the default, whatever it loses."""
    overwrite: bool
    """Replace a bundle that is already there."""
    report: Report
    """Gets a line for each step."""
