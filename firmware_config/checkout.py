"""Where MaskGate's sources are: only out of them is a device flashed."""

from pathlib import Path

from edge.errors import MaskGateError


def checkout() -> Path:
    """The folder of the checkout that this program runs from.

    Raises:
        MaskGateError: it was installed without one.
    """
    root = Path(__file__).parent.parent
    if not (root / "pyproject.toml").is_file() or not (root / "constraints").is_dir():
        raise MaskGateError(
            "flashing: expected a checkout of MaskGate, whose pinned packages and sources go to "
            f"the device, found it installed in {root}; run it from a checkout (make flash)"
        )
    return root
