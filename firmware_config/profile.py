"""What a kind of device needs: its systems, packages, boot settings and defaults."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator

from edge.config import Name, Section
from edge.errors import MaskGateError
from edge.faults import Keys, explain, nearest, read_toml
from edge.loading import settings_faults
from firmware_config.merging import lay_over

PROFILES = Path(__file__).with_name("profiles")
INHERITS = "inherits"
_WAY_OUT = "name a profile (maskgate-flash profiles lists them) or a file"
Machine = Literal["aarch64", "x86_64"]
"""A processor, as `uname -m` says it."""
PythonVersion = Annotated[str, Field(pattern=r"^3\.(10|11|12|13)$")]
Package = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$", max_length=100)]
"""A package of the system, as Debian's rules allow it; nothing that a shell would read."""
Module = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Requirement = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*[<>=!~][^\s;]+$")]
"""A line of a constraints file of pip, e.g. "numpy<2"."""
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=98)]
"""A line of config.txt: the firmware cuts off what is longer than 98 characters."""


def _is_place(path: str) -> str:
    if not path.startswith("/etc/") or ".." in path.split("/") or path.endswith("/"):
        raise ValueError("expected the path of a file under /etc/")
    return path


Place = Annotated[str, AfterValidator(_is_place)]


class System(Section):
    """An operating system that a profile fits."""

    name: Name = Field(description="e.g. raspios-trixie.")
    python: PythonVersion = Field(description="The Python that the system has, e.g. 3.13.")
    provisioning: Literal["cloud-init", "firstrun"] | None = Field(
        None, description="How its image sets itself up at the first boot; None: there is no image."
    )
    constraints: tuple[Requirement, ...] = Field(
        (),
        description="What Python packages must keep to there, e.g. numpy<2, where the system's own "
        "compiled packages are seen by the environment.",
    )


class Boot(Section):
    """How a device boots and what guards it."""

    watchdog: bool = Field(
        default=False, description="systemd feeds the hardware's watchdog: a hang restarts it."
    )
    config_txt: tuple[Line, ...] = Field((), description="Lines of a Raspberry Pi's config.txt.")
    journal_in_memory: bool = Field(
        default=False, description="The log stays in memory, which spares the card."
    )
    read_only_root: bool = Field(
        default=False,
        description="Once all is installed the system is not written to: what lasts is the outbox "
        "and the clock, the log and whatever else is written lies in memory.",
    )
    kernel_modules: tuple[Module, ...] = Field((), description="Loaded at each boot.")


class Profile(Section):
    """A kind of device."""

    name: Name
    description: str = Field(min_length=1, max_length=200)
    machine: Machine | None = Field(None, description="None: asked of the host.")
    os: tuple[System, ...] = Field(
        (), description="The systems that it fits; none: any Debian or Ubuntu, asked of the host."
    )
    packages: tuple[Package, ...] = Field((), description="Of the system (apt).")
    system_site_packages: bool = Field(
        default=False, description="MaskGate's environment sees the system's Python packages."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Defaults, as in maskgate.toml."
    )
    boot: Boot = Boot()
    files: dict[Place, str] = Field(
        default_factory=dict, description="More files of the system: path on the device, text."
    )

    @field_validator("os")
    @classmethod
    def _told_apart(cls, systems: tuple[System, ...]) -> tuple[System, ...]:
        for key in ("name", "python"):
            found = [getattr(system, key) for system in systems]
            twice = {one for one in found if found.count(one) > 1}
            if twice:
                raise ValueError(f"two systems of the {key} {min(twice)}")
        return systems

    def system_with(self, python: str) -> System:
        """The system that has this Python.

        Args:
            python: e.g. "3.13"; of an image, or as a host answers.

        Raises:
            MaskGateError: the profile fits no such system.
        """
        if not self.os:
            return System(name="any", python=python)
        for system in self.os:
            if system.python == python:
                return system
        fits = " or ".join(f"{one.name} (Python {one.python})" for one in self.os)
        raise MaskGateError(
            f"profile {self.name}: expected {fits}, found Python {python}; choose another profile "
            "or another system"
        )


def profile_names() -> list[str]:
    """The profiles that come with MaskGate; what others only inherit has no description."""
    found = {file.stem: read_toml(file, "profile", _WAY_OUT) for file in PROFILES.glob("*.toml")}
    return sorted(name for name, table in found.items() if "description" in table)


def is_file_name(profile: str) -> bool:
    """Whether a profile is named by its file, not by the name of one that comes with MaskGate."""
    return "/" in profile or profile.endswith(".toml")


def load_profile(name_or_path: str | Path) -> Profile:
    """Read a profile, with all that it inherits.

    A table is laid over the inherited one key by key, a list adds to the inherited one, except in
    `settings`, where it replaces it.

    Args:
        name_or_path: one of those that come with MaskGate, or a TOML file, whose name is the
            profile's.

    Raises:
        MaskGateError: it is not there, inherits itself, or says something wrong: every fault with
            file and key, one a line.
    """
    chain: list[tuple[Path, dict[str, Any]]] = []
    wanted: str | None = str(name_or_path)
    beside = Path()
    while wanted is not None:
        file = _file(wanted, beside)
        if file in [one for one, _ in chain]:
            raise MaskGateError(
                f"profile {chain[0][0]}: {INHERITS}: it comes back to {file}; inherit something "
                "else"
            )
        table = read_toml(file, "profile", _WAY_OUT)
        wanted, beside = _inherited(table, file), file.parent
        chain.append((file, table))
    return _checked(chain)


def _file(wanted: str, beside: Path) -> Path:
    if is_file_name(wanted):
        return (beside / Path(wanted).expanduser()).resolve()
    file = PROFILES / f"{wanted}.toml"
    if not file.is_file():
        known = nearest(wanted, profile_names())
        raise MaskGateError(f"profile {wanted}: there is none of that name{known}")
    return file


def _inherited(table: dict[str, Any], file: Path) -> str | None:
    name = table.pop(INHERITS, None)
    if name is not None and not (isinstance(name, str) and name):
        raise MaskGateError(
            f"profile {file}: {INHERITS}: expected the name of a profile, found {name!r}"
        )
    return name


def _checked(chain: list[tuple[Path, dict[str, Any]]]) -> Profile:
    merged: dict[str, Any] = {}
    for _, table in reversed(chain):
        merged = lay_over(merged, table, add_lists=True)
    merged["name"] = chain[0][0].stem

    def place(keys: Keys) -> str:
        return f"profile {_origin(chain, keys)}"

    faults, profile = [], None
    try:
        profile = Profile.model_validate(merged)
    except ValidationError as error:
        faults += [explain(fault, Profile, place) for fault in error.errors()]
    settings = merged.get("settings")
    if isinstance(settings, dict):
        faults += settings_faults(settings, lambda keys: f"{place(('settings', *keys))}: settings")
    if profile is None or faults:
        raise MaskGateError("\n".join(dict.fromkeys(faults)))
    return profile


def _origin(chain: list[tuple[Path, dict[str, Any]]], keys: Keys) -> Path:
    """The file that a wrong key is from: the nearest that has it."""
    for depth in range(len(keys), 0, -1):
        for file, table in chain:
            found: Any = table
            for key in keys[:depth]:
                found = found.get(key) if isinstance(found, dict) else None
            if found is not None:
                return file
    return chain[0][0]
