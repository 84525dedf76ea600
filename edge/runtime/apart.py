"""Runs a function of this program in a process of its own, which may crash or hang at no cost.

What it is to do and what came of it are files in a folder of its own.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.errors import MaskGateError


class ApartError(MaskGateError):
    """A process that crashed or took too long; says so in a few words."""


def run_apart(module: str, folder: Path, limit: float, python: Path | None = None) -> str:
    """Run `main(folder)` of a module in a process of its own.

    Args:
        module: its full name.
        folder: where its order is, and where it leaves its result; its working directory.
        limit: seconds after which it is ended, with all that it started.
        python: of an environment where `edge` and a TFLite runtime are installed; this one when
            None.

    Returns:
        What it said on standard error.

    Raises:
        ApartError: it crashed, or took too long.
        OSError: it cannot be started.
    """
    root = Path(__file__).parents[2]
    words = [str(python or sys.executable), "-c", _START, str(root), module, str(folder)]
    with (folder / "said").open("w+b") as said:
        with _group(
            subprocess.Popen(  # noqa: S603
                words,
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
                raise ApartError(f"no result within {limit:g} s") from None
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise ApartError(f"the process crashed ({name})")
    return text


_START = """
import importlib, pathlib, sys
sys.path[0] = sys.argv[1]
from edge.runtime.apart import end_with_parent
end_with_parent()
importlib.import_module(sys.argv[2]).main(pathlib.Path(sys.argv[3]))
"""
"""The working directory's place in the path is taken by the folder that `edge` is in."""


def end_with_parent() -> None:
    """Leave no process behind that hangs in a driver when the one that started it is killed."""
    set_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def said_last(said: str) -> str:
    """The last line of what a process said, for the message of one that left no result."""
    return (said.strip().splitlines()[-1:] or ["it said nothing"])[0]


@contextmanager
def _group(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    """End a process and all that it started, whatever happens."""
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
