"""The service: started, and waited for until it runs."""

import time
from typing import NamedTuple

from .steps import InstallError
from .system import UNIT, System

MOST_STARTS = 4
"""A service that was started so often by systemd is not waited for any longer."""


class Patience(NamedTuple):
    """How long the service is waited for."""

    ready: float = 300.0
    """Seconds that a start may take: the first measures what the nets run fastest on."""
    steady: float = 5.0
    """Seconds that it must run on once it is ready."""


_PROPERTIES = ("ActiveState", "SubState", "InvocationID", "Result", "ExecMainStatus", "StatusText")


def is_running(system: System) -> bool:
    """Whether the service is ready; so it is where there are no services, in tests."""
    return not system.has_services or _state(system)["ActiveState"] == "active"


def restart(system: System, patience: Patience) -> str | None:
    """Start the service anew and wait until it runs, and has for a moment.

    Args:
        system: is asked to.
        patience: how long it may take.

    Returns:
        Why it does not run; None if it does.
    """
    if not system.has_services:
        return None
    try:
        before = _state(system)["InvocationID"]
        system.at_each_boot("enable", UNIT)
        system.systemctl("restart", "--no-block", UNIT)
    except InstallError as error:
        return str(error)
    return _wait(system, before, patience)


def _wait(system: System, before: str, patience: Patience) -> str | None:
    deadline, pause = time.monotonic() + patience.ready, min(1.0, patience.steady / 5)
    starts: set[str] = set()
    ready: tuple[str, float] | None = None
    state: dict[str, str] = {}
    while time.monotonic() < deadline:
        state = _state(system)
        start = state["InvocationID"]
        if start and start != before:
            starts.add(start)
        if len(starts) >= MOST_STARTS:
            return f"it ends again and again ({_in_words(state)})"
        if start not in starts or state["ActiveState"] != "active":
            ready = None
        elif ready is None or ready[0] != start:
            ready = start, time.monotonic()
        elif time.monotonic() - ready[1] >= patience.steady:
            return None
        time.sleep(pause)
    return f"not ready within {patience.ready:g} s ({_in_words(state)})"


def stop(system: System) -> bool:
    """Stop the service for good; whether there was one."""
    if not system.has_services or not _is_known(system):
        return False
    system.at_each_boot("disable", UNIT)
    system.systemctl("stop", UNIT)
    return True


def _is_known(system: System) -> bool:
    return system.systemctl("show", "--property=LoadState", "--value", UNIT).strip() == "loaded"


def _state(system: System) -> dict[str, str]:
    words: list[str] = [f"--property={name}" for name in _PROPERTIES]
    said = dict.fromkeys(_PROPERTIES, "")
    try:
        lines = system.systemctl("show", *words, UNIT).splitlines()
    except InstallError as error:
        return {**said, "ActiveState": "unknown", "StatusText": str(error)}
    return {**said, **dict(line.split("=", 1) for line in lines if "=" in line)}


def _in_words(state: dict[str, str]) -> str:
    words = [state.get("ActiveState") or "unknown", state.get("SubState", "")]
    if state.get("Result") not in ("", "success", None):
        words.append(f"{state['Result']}, exit code {state.get('ExecMainStatus')}")
    words.append(state.get("StatusText", ""))
    return ", ".join(filter(None, words)) + "; journalctl -u maskgate says more"
