"""Running a Python program under strace: to see what it asks of the disk, or to have that fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def traced(options: list[str], code: str, *words: str | Path) -> str:
    """Run a program; returns what it prints. The test is skipped where nothing may be traced."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    done = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-qq", *options, sys.executable, "-c", code]
        + [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=Path(__file__).parent.parent,
    )
    if "PTRACE" in done.stderr:
        pytest.skip("no process may be traced here")
    assert done.returncode == 0, done.stderr
    return done.stdout
