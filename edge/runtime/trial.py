"""Runs a model once in a process of its own, so that a driver that crashes or hangs costs nothing.

The process may also be another Python's, with another runtime.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError
from edge.runtime.accelerator import Accelerator

MODEL, INPUTS, OUTPUTS, ORDER, RESULT = (
    "model.tflite",
    "inputs.npy",
    "outputs.npy",
    "order.json",
    "result.json",
)
_UNSUPPORTED = re.compile(
    r"^ERROR: Following operations are not supported by GPU.*\n((?:.+\n)+?)\d", re.M
)
"""How LiteRT's GPU accelerator lists the operations that it leaves; their number follows."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model gave, and how fast."""

    outputs: NDArray[np.float32]
    """Real values, inputs x (the output tensor's shape without the batch's axis)."""
    seconds: tuple[float, ...]
    """Of each timed run: filling the input, running, fetching the output."""
    runtime: str
    """Its name and version."""

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return float(np.median(self.seconds))


class TrialError(MaskGateError):
    """A model that could not be run; says why in one line."""

    def __init__(self, reason: str, unsupported: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.unsupported = unsupported
        """The operations that the GPU leaves, e.g. "RFFT2D: Operation is not supported."."""


def try_model(
    content: bytes,
    accelerator: Accelerator,
    inputs: NDArray[np.float32],
    *,
    repeats: int,
    limit: float,
    python: Path | None = None,
) -> Trial:
    """Run a model on each input, then `repeats` times more for its time.

    Args:
        content: the .tflite file.
        accelerator: what it shall run on.
        inputs: real values, inputs x height x width x 3, of any size that the model takes.
        repeats: timed runs; two more come first, untimed.
        limit: seconds after which the process is ended.
        python: of an environment where `edge` and a TFLite runtime are installed; this one when
            None.

    Raises:
        TrialError: the runtime, the accelerator or the model refuses, crashes or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="maskgate-trial-") as name:
        folder = Path(name)
        (folder / MODEL).write_bytes(content)
        np.save(folder / INPUTS, inputs)
        order = {"accelerator": asdict(accelerator), "repeats": repeats}
        (folder / ORDER).write_text(json.dumps(order), encoding="utf-8")
        said = _run(folder, accelerator, python or Path(sys.executable), limit)
        try:
            result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
            if "refused" not in result:
                outputs = np.load(folder / OUTPUTS)
                return Trial(outputs, tuple(result["seconds"]), result["runtime"])
        except (OSError, ValueError) as error:
            last = said.strip().splitlines()[-1:] or ["it said nothing"]
            raise TrialError(f"on {accelerator}: it ended without a result ({last[0]})") from error
    found = _UNSUPPORTED.search(said)
    unsupported = tuple(line.rstrip(": ") for line in found[1].splitlines()) if found else ()
    raise TrialError(f"on {accelerator}: {result['refused']}", unsupported)


def _run(folder: Path, accelerator: Accelerator, python: Path, limit: float) -> str:
    """Run the process; give what it said on standard error."""
    root = Path(__file__).parents[2]
    with (folder / "said").open("w+b") as said:
        with _group(
            subprocess.Popen(  # noqa: S603
                [str(python), "-c", _START, str(root), str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
                cwd=folder,
            )
        ) as process:
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                raise TrialError(f"on {accelerator}: no result within {limit:g} s") from None
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise TrialError(f"on {accelerator}: the process crashed ({name})")
    return text


_START = (
    "import sys; sys.path[0] = sys.argv[1]; from edge.runtime.trial_process import main; main()"
)
"""The working directory's place in the path is taken by the folder that `edge` is in."""


@contextmanager
def _group(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    """End a process and all that it started, whatever happens."""
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
