"""Says what is installed, as one line of JSON."""

import json
from typing import Any

from .payload import read_payload
from .places import Places
from .read_only import is_read_only
from .release import current_id, is_healthy
from .service import is_running
from .steps import InstallError
from .system import System


def status(places: Places, system: System) -> int:
    """Print it; the exit code is always 0."""
    current = current_id(places.current)
    said: dict[str, Any] = {
        "installed": current,
        "healthy": is_healthy(places, current),
        "previous": current_id(places.previous),
        "read_only": is_read_only(places),
        "running": current is not None and is_running(system),
    }
    if current is not None:
        try:
            payload = read_payload(places.releases / current)
        except InstallError as error:
            said["fault"] = str(error)
        else:
            said |= {
                name: getattr(payload, name) for name in ("site", "device", "profile", "version")
            }
    print(json.dumps(said))
    return 0
