"""Where everything is on the device."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The folders and files that the installer cares for."""

    root: Path
    """/, or a folder that stands for it in tests."""

    @property
    def program(self) -> Path:
        """Releases, and the links to the one that runs."""
        return self.root / "opt/maskgate"

    @property
    def releases(self) -> Path:
        """The releases, a virtual environment each, by their payload's id."""
        return self.program / "releases"

    @property
    def current(self) -> Path:
        """The link to the release that runs."""
        return self.program / "current"

    @property
    def previous(self) -> Path:
        """The link to the release that ran well before."""
        return self.program / "previous"

    @property
    def configuration(self) -> Path:
        """Settings and secrets; beside it, as .before, those of the release before."""
        return self.root / "etc/maskgate"

    @property
    def state(self) -> Path:
        """The running device's own: outbox, counts, updates."""
        return self.root / "var/lib/maskgate"

    @property
    def lock(self) -> Path:
        """Held by whoever installs or removes."""
        return self.root / "run/maskgate-install.lock"

    @property
    def is_a_test(self) -> bool:
        """Users, packages and services are left alone."""
        return self.root != Path("/")
