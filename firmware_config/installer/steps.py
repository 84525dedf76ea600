"""What the installer says: one line of JSON for each step, on standard output."""

import json
import sys
from typing import Literal

State = Literal["done", "skipped", "failed"]


class InstallError(Exception):
    """Something that keeps it from being installed; the text says what to do."""


def tell(step: str, state: State, why: str = "") -> None:
    """Say what became of a step."""
    line = json.dumps({"step": step, "state": state, "why": why}, ensure_ascii=False)
    # Whoever listened may be gone; that ends no installation.
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115, PTH123


def tell_change(step: str, why: str | None) -> bool:
    """Say that a step changed something, or with None that there was nothing to do."""
    if why is None:
        tell(step, "skipped", "as it should be already")
    else:
        tell(step, "done", why)
    return why is not None
