"""The system's own tools: packages, users, services."""

import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from .places import Places
from .programs import run_program
from .steps import InstallError

UNIT = "maskgate.service"
USER = "maskgate"
APT_LIMIT = 1800.0
COMMAND_LIMIT = 120.0
"""Seconds."""


class System:
    """What the installer asks of the system; with a test's root, nothing but its services."""

    def __init__(self, places: Places, systemctl: str | None) -> None:
        """Prepare to ask.

        Args:
            places: say whether this is a test.
            systemctl: a program that stands in for systemctl, in tests.
        """
        self._is_a_test = places.is_a_test
        self._systemctl = systemctl or (None if places.is_a_test else "systemctl")

    @property
    def has_services(self) -> bool:
        """Whether services can be started here."""
        return self._systemctl is not None

    @property
    def owner(self) -> tuple[int, int]:
        """User and group of the service; root's where there is no such user."""
        try:
            entry = pwd.getpwnam(USER)
        except KeyError:
            return (0, 0)
        return (0, 0) if self._is_a_test else (entry.pw_uid, entry.pw_gid)

    def systemctl(self, *words: str) -> str:
        """Run systemctl; what it says.

        Raises:
            InstallError: it fails.
        """
        return "" if self._systemctl is None else _run(self._systemctl, *words)

    def at_each_boot(self, what: Literal["enable", "disable"], unit: str) -> None:
        """Have a unit started at each boot, or at none.

        Raises:
            InstallError: it cannot be.
        """
        # By systemctl itself: systemd cannot write where the system is read-only for all but us.
        if self._systemctl is not None:
            _run(self._systemctl, what, unit, more={"SYSTEMD_OFFLINE": "1"})

    def try_systemctl(self, *words: str) -> bool:
        """Run systemctl; whether that went well."""
        try:
            self.systemctl(*words)
        except InstallError:
            return False
        return True

    def add_user(self, declaration: Path) -> str | None:
        """Have systemd add the service's user and groups, as a file in the form of sysusers.d says.

        Returns:
            What was done; None where they are there.
        """
        if self._is_a_test:
            return None
        before = self.owner
        _run("systemd-sysusers", str(declaration))
        return f"user {USER} added" if self.owner != before else None

    def remove_user(self) -> None:
        """Remove the service's user."""
        if not self._is_a_test and self.owner != (0, 0):
            _run("userdel", USER)

    def add_packages(self, packages: tuple[str, ...]) -> str | None:
        """Install Debian packages that are missing, over the network.

        Returns:
            What was done; None where all are there.

        Raises:
            InstallError: they are not to be had.
        """
        missing = [] if self._is_a_test else [name for name in packages if not _has(name)]
        if not missing:
            return None
        if shutil.which("apt-get") is None:
            raise InstallError(
                f"{' '.join(missing)}: not installed, and there is no apt-get; install it"
            )
        words = ["install", "--yes", "--no-install-recommends", *missing]
        try:
            _apt(*words)
        except InstallError:
            try:
                _apt("update")
                _apt(*words)
            except InstallError as error:
                raise InstallError(
                    f"{' '.join(missing)}: not installed, and apt-get cannot fetch it ({error}); "
                    "is there a network? Connect it and run this again"
                ) from error
        return f"installed {' '.join(missing)}"


def _has(package: str) -> bool:
    words = ("dpkg-query", "--show", "--showformat=${db:Status-Status}", package)
    try:
        return _run(*words) == "installed"
    except InstallError:
        return False


def _apt(*words: str) -> None:
    # Another apt-get, such as the one that a new system runs by itself, is waited for.
    patience = ("-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=2")
    _run("apt-get", "--quiet", *patience, *words, limit=APT_LIMIT)


def _run(*words: str, limit: float = COMMAND_LIMIT, more: Mapping[str, str] | None = None) -> str:
    plain = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    environment = {**os.environ, **plain, **(more or {})}
    called = " ".join(words[:3])
    return run_program(*words, called=called, limit=limit, environment=environment)
