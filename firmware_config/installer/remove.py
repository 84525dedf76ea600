"""Takes MaskGate from the device."""

from .configuration import remove_configuration
from .files import remove_folder
from .places import Places
from .service import stop
from .steps import tell_change
from .system import System
from .system_files import all_files, tell_system


def remove(places: Places, system: System, *, purge: bool) -> int:
    """Remove service, program, settings and secrets; packages of the system stay.

    Args:
        places: where.
        system: services, users.
        purge: what the device has kept too: alerts that were not sent, counts, its user.

    Returns:
        0, the exit code.

    Raises:
        InstallError: the service does not stop, or its user cannot be removed.
    """
    tell_change("service", "stopped" if stop(system) else None)
    files = [path for path in sorted(set(all_files(places))) if (places.root / path).exists()]
    for path in files:
        (places.root / path).unlink()
    tell_system(system, files)
    tell_change("system", ", ".join(f"/{path}" for path in files) or None)
    settings = remove_configuration(places)
    tell_change("configuration", f"{places.configuration} removed" if settings else None)
    # Last, for the releases know which files are theirs.
    programs = remove_folder(places.program)
    tell_change("release", f"{places.program} removed" if programs else None)
    if purge:
        state = remove_folder(places.state)
        tell_change("state", f"{places.state} removed" if state else None)
        system.remove_user()
    return 0
