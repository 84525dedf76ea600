"""What this device is made of, as far as it decides what a net runs fastest on."""

import os
import platform
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DELEGATES = ("libedgetpu.so.1", "libtensorflowlite_gpu_delegate.so")
"""TFLite's external delegates by the names under which they are usually installed: Google's Edge
TPU runtime, and TensorFlow's GPU delegate built by hand."""
_CPU_LINES = ("model name", "cpu implementer", "cpu part", "hardware")
"""Lines of /proc/cpuinfo that name the processor; ARM's has no model name."""


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def describe_hardware(delegates: Iterable[Path]) -> dict[str, Any]:
    """Describe the device; equal descriptions mean that what was measured still holds.

    Args:
        delegates: files of external delegates that may be used.

    Returns:
        Only what JSON holds.
    """
    return {
        "machine": platform.machine(),
        "board": _text(Path("/proc/device-tree/model")),
        "cpu": _cpu(),
        "cores": cores(),
        "gpus": _gpus(),
        "vulkan": _stamps(_vulkan_drivers(os.environ)),
        "delegates": _stamps(delegates),
    }


def find_delegates(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Find the usual external delegates where the system's loader looks.

    They are not loaded: that would run their code.
    """
    folders = _loader_folders(environment)
    found = []
    for name in DELEGATES:
        places = (folder / name for folder in folders)
        found += [place for place in places if place.is_file()][:1]
    return found


def _loader_folders(environment: Mapping[str, str]) -> list[Path]:
    """Folders of shared libraries, in the loader's order (ld.so(8))."""
    named = environment.get("LD_LIBRARY_PATH", "").split(":")
    for file in sorted(Path("/etc/ld.so.conf.d").glob("*.conf")):
        named += [line.strip() for line in _text(file).splitlines() if line.startswith("/")]
    triplet = sysconfig.get_config_var("MULTIARCH") or ""
    usual = ["/usr/local/lib", f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib", "/usr/lib"]
    return [Path(folder) for folder in [*named, *usual] if folder]


def _cpu() -> str:
    found: dict[str, str] = {}
    for line in _text(Path("/proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in _CPU_LINES:
            # Of the first processor, where they differ.
            found.setdefault(name.strip().lower(), value.strip())
    return ", ".join(found.values())


def _gpus() -> list[str]:
    """The drivers and numbers of the graphics devices; their order may change with each start."""
    found = set()
    for card in Path("/sys/class/drm").glob("card*"):
        if card.name.removeprefix("card").isdigit():
            device = card / "device"
            names = (_text(device / "vendor"), _text(device / "device"))
            driver = device / "driver"
            found.add(" ".join([driver.resolve().name, *names]).strip())
    nvidia = _text(Path("/proc/driver/nvidia/version")).splitlines()
    return sorted(found) + nvidia[:1]


def _vulkan_drivers(environment: Mapping[str, str]) -> list[Path]:
    """The files by which Vulkan's loader knows its drivers."""
    named = environment.get("VK_DRIVER_FILES") or environment.get("VK_ICD_FILENAMES")
    if named:
        return [Path(name) for name in named.split(":")]
    folders = (Path("/etc/vulkan/icd.d"), Path("/usr/share/vulkan/icd.d"))
    return sorted(file for folder in folders for file in folder.glob("*.json"))


def _stamps(files: Iterable[Path]) -> list[list[Any]]:
    """Name, size and time of change of each file; an update changes one of them."""
    stamps: list[list[Any]] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            stamps.append([str(file)])
        else:
            stamps.append([str(file), status.st_size, status.st_mtime])
    return stamps


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""
