"""Accelerators for tests: a delegate that misbehaves as it is told, and a GPU in software."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "delegate.c"
SWIFTSHADER = Path(sys.prefix) / "share" / "maskgate" / "swiftshader"


def built_delegate(folder: Path) -> Path:
    """Build the delegate; the variable DELEGATE says what it does."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is installed, which the delegate for tests is built by")
    library = folder / "libdelegate.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return library


def gpu_in_software(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the processes that are started from now on a GPU, of SwiftShader."""
    if not (SWIFTSHADER / "ready").exists():
        pytest.skip("no SwiftShader: 'make swiftshader' fetches it, where npm is installed")
    monkeypatch.setenv("VK_ICD_FILENAMES", str(SWIFTSHADER / "vk_swiftshader_icd.json"))
    monkeypatch.setenv(
        "LD_LIBRARY_PATH", f"{SWIFTSHADER}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    )
