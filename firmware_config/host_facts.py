"""What a host is, asked over ssh; and whether a profile fits it."""

from dataclasses import dataclass
from typing import Final

from edge.errors import MaskGateError
from firmware_config.profile import Profile, System
from firmware_config.ssh import Connection

OLDEST, NEWEST = (3, 10), (3, 13)
"""The versions of Python that MaskGate runs on."""
ROOM: Final = {"opt": 500_000_000, "var": 250_000_000}
"""Bytes for a first installation: a release takes 355 MB, its payload 128 MB, and 100 MB stay free.
It is looked at more closely once there is a payload."""
MACHINES = ("aarch64", "x86_64")
_ANSWER_LIMIT = 60.0

# For any POSIX shell; says lines of "key value". $1 is the root folder, without its last slash.
_QUESTIONS = r"""
free() {
    folder=$1
    while [ ! -d "${folder:-/}" ]; do folder=${folder%/*}; done
    df -Pk "${folder:-/}" | awk 'NR == 2 { print $4, $6 }'
}
echo "machine $(uname -m)"
echo "bits $(getconf LONG_BIT)"
echo "python $(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' </dev/null)"
if [ "$(id -u)" = 0 ]; then echo "root yes"
elif sudo -n true </dev/null; then echo "sudo yes"; fi
[ ! -r "$1/etc/os-release" ] || (. "$1/etc/os-release"; echo "id $ID"
                                 echo "codename ${VERSION_CODENAME:-}")
echo "opt $(free "$1/opt")"
echo "var $(free "$1/var")"
echo "systemd $(systemctl --version | awk 'NR == 1 { print $2 }')"
current=$(readlink "$1/opt/maskgate/current") && echo "installed ${current##*/}"
[ ! -e "$1/run/maskgate-read-only/on" ] || echo "read-only yes"
echo "service $(systemctl is-active maskgate </dev/null)"
echo "end"
"""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host answers."""

    host: str
    """As it was named, [user@]host[:port]."""
    machine: str
    """Its processor, as `uname -m` says it."""
    bits: int
    """Of its programs: 32 on a 32-bit Raspberry Pi OS, whose kernel says aarch64 all the same."""
    python: str | None
    """Of `python3`, e.g. "3.13"; None where there is none."""
    os: str
    """ID of /etc/os-release, e.g. "debian"; empty where it says none."""
    codename: str
    """VERSION_CODENAME of /etc/os-release, e.g. "trixie"; or empty."""
    free_opt: int
    """Bytes free where releases go."""
    free_var: int
    """Bytes free where payloads go first."""
    one_disk: bool
    """Whether both are on one file system, which must then hold both."""
    is_root: bool
    may_sudo: bool
    """Whether sudo asks for no password."""
    systemd: int | None
    """Its version; None where there is none."""
    installed: str | None
    """Id of the payload that runs; None where nothing is installed."""
    read_only: bool
    """Whether its system is not written to, but by what maskgate-write runs."""
    service: str
    """What `systemctl is-active maskgate` says, e.g. "active"; "unknown" where nobody knows."""


def ask(connection: Connection, root: str) -> HostFacts:
    """Ask a host what it is.

    Args:
        connection: to it.
        root: the folder that is taken for its root; "/" but in tests.

    Raises:
        MaskGateError: the connection is lost, or what answers has no POSIX shell.
    """
    said: dict[str, str] = {}
    with connection.start("exec sh -s -- " + (root.rstrip("/") or "''")) as shell:
        shell.send(_QUESTIONS.encode())
        shell.close_input()
        while (line := shell.line(_ANSWER_LIMIT)) is not None:
            key, _, value = line.partition(" ")
            said[key] = value.strip()
        shell.end()
        if "end" not in said:
            raise MaskGateError(
                f"host {connection.host}: expected a Linux system with a shell, found something "
                f"that does not answer as one ({shell.errors().strip() or 'it says nothing'})"
            )
    opt, var = (said.get(key, "").split(maxsplit=1) or ["0"] for key in ("opt", "var"))
    systemd = said.get("systemd", "")
    return HostFacts(
        host=connection.host,
        machine=said.get("machine", ""),
        bits=int(said.get("bits") or 64),
        python=said.get("python") or None,
        os=said.get("id", ""),
        codename=said.get("codename", ""),
        free_opt=int(opt[0]) * 1024,
        free_var=int(var[0]) * 1024,
        one_disk=opt[1:] == var[1:],
        is_root="root" in said,
        may_sudo="sudo" in said,
        systemd=int(systemd) if systemd.isdecimal() else None,
        installed=said.get("installed") or None,
        read_only="read-only" in said,
        service=said.get("service") or "unknown",
    )


def fit(profile: Profile, facts: HostFacts) -> System:
    """The system of a profile that a host is.

    Raises:
        MaskGateError: the host does not fit: another processor, Python or system, too little
            room for a first installation, or no way to become root.
    """
    host = f"host {facts.host}:"
    if facts.machine not in MACHINES or facts.bits != 64:
        raise MaskGateError(
            f"{host} expected a 64-bit system ({' or '.join(MACHINES)}), found {facts.bits} bits "
            f"on {facts.machine}; install the 64-bit version of its system"
        )
    if profile.machine and facts.machine != profile.machine:
        raise MaskGateError(
            f"{host} expected {profile.machine}, as profile {profile.name} says, found "
            f"{facts.machine}; choose another profile, or another host"
        )
    require_python(facts)
    assert facts.python
    try:
        system = profile.system_with(facts.python)
    except MaskGateError as error:
        raise MaskGateError(f"{host} {error}") from error
    require_rights(facts)
    if facts.installed is None:
        require_room(facts)
    return system


def require_python(facts: HostFacts) -> None:
    """Refuse a host without a Python that MaskGate runs on.

    Raises:
        MaskGateError: it has none, or an older or newer one.
    """
    version = tuple(map(int, facts.python.split("."))) if facts.python else ()
    if not OLDEST <= version <= NEWEST:
        expected = "{}.{} to {}.{}".format(*OLDEST, *NEWEST)
        found = f"{facts.python} ({facts.os} {facts.codename})" if facts.python else "none"
        raise MaskGateError(
            f"host {facts.host}: expected Python {expected} as python3, found {found}; install "
            "python3, or a system that has such a one (Debian 12 or 13, Ubuntu 22.04 or 24.04)"
        )


def require_rights(facts: HostFacts) -> None:
    """Refuse a host on which nothing can be installed.

    Raises:
        MaskGateError: no root, or no systemd.
    """
    if not (facts.is_root or facts.may_sudo):
        raise MaskGateError(
            f"host {facts.host}: expected root, or sudo without a password; sudo asks for one, or "
            "is not there; allow it (NOPASSWD in /etc/sudoers.d), or name a user who may"
        )
    if facts.systemd is None:
        raise MaskGateError(
            f"host {facts.host}: expected a system with systemd, which MaskGate's service needs, "
            "found none; use another system"
        )


def require_room(facts: HostFacts) -> None:
    """Refuse a host without room for a first installation.

    Raises:
        MaskGateError: there is too little.
    """
    needs = {"/opt": (ROOM["opt"], facts.free_opt), "/var": (ROOM["var"], facts.free_var)}
    if facts.one_disk:
        needs = {"the disk of /opt and /var": (sum(ROOM.values()), facts.free_opt)}
    for place, (needed, free) in needs.items():
        if free < needed:
            raise MaskGateError(
                f"host {facts.host}: expected {needed / 1e6:.0f} MB free on {place}, found "
                f"{free / 1e6:.0f} MB; free some space"
            )
