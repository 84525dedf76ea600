"""Payloads of small wheels, and a systemctl that behaves as told, to install and go back by."""

import hashlib
import shutil
import stat
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from firmware_config.credentials import Credentials, open_credentials
from firmware_config.inventory import Broker, Device, Fleet
from firmware_config.payload import build_payload, payload_id
from firmware_config.pins import Target
from firmware_config.profile import Profile

HERE = Target(f"{sys.version_info[0]}.{sys.version_info[1]}", "x86_64")
SYSTEMCTL = """\
#!/bin/sh
# Stands in for systemctl: what is named in the file `bad` never gets ready, and is started again
# with every look at it. Asked often, so the shell does all but one thing itself.
here=${0%/*} starts=0 running= bad=
echo "$*" >>"$here/asked"
test ! -e "$here/starts" || read -r starts <"$here/starts"
case "$*" in
restart*maskgate.service)
    running=$(readlink "$here/root/opt/maskgate/current")
    echo "${running##*/}" >"$here/running"
    echo $((starts + 1)) >"$here/starts";;
disable*) rm -f "$here/starts" "$here/running";;
*LoadState*) test ! -e "$here/root/etc/systemd/system/maskgate.service" || echo loaded;;
show*)
    test ! -e "$here/running" || read -r running <"$here/running"
    test ! -e "$here/bad" || read -r bad <"$here/bad"
    if test -z "$running"; then
        echo "ActiveState=inactive"
    else case "$bad" in
    *"$running"*)
        echo $((starts + 1)) >"$here/starts"
        printf '%s\\n' "ActiveState=activating" "SubState=auto-restart" "Result=exit-code" \\
            "ExecMainStatus=2" "InvocationID=$starts";;
    *) printf '%s\\n' "ActiveState=active" "SubState=running" "InvocationID=$starts";;
    esac fi;;
esac
"""


@dataclass
class Machine:
    """A folder that stands for a device's root, and its systemctl."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def prepare(self) -> "Machine":
        (self.root / "etc").mkdir(parents=True)
        (self.root / "etc/os-release").write_text('PRETTY_NAME="Some Linux 1"\n')
        systemctl = self.folder / "systemctl"
        systemctl.write_text(SYSTEMCTL)
        systemctl.chmod(0o755)
        return self

    def words(self, payload: Path, what: str, *more: str) -> list[str]:
        options = ["--root", str(self.root), "--systemctl", str(self.folder / "systemctl")]
        options += ["--patience", "60", "0.05"]
        return [sys.executable, str(payload / "install.py"), what, *options, *more]

    def run(self, payload: Path, what: str, *more: str) -> subprocess.CompletedProcess[str]:
        words = self.words(payload, what, *more)
        return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)

    def never_healthy(self, *payloads: Path) -> None:
        (self.folder / "bad").write_text(" ".join(map(payload_id, payloads)) + "\n")

    def asked(self) -> list[str]:
        """What systemctl was asked to do, but for looking."""
        file = self.folder / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith("show")]


def tree(folder: Path) -> dict[str, str]:
    """All that is under a folder: rights and content of each file, target of each link.

    Left out is what differs each time: when something was noted, and bytecode, which has times.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if "__pycache__" in name or name == "run/maskgate-install.lock":
            continue
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            if any(path.iterdir()):
                found[name] = oct(stat.S_IMODE(path.stat().st_mode))
        elif path.name != "installed.json":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = f"{stat.S_IMODE(path.stat().st_mode):o} {digest}"
    return found


PIP = """\
import sys, sysconfig, zipfile
from pathlib import Path
for wheel in sys.argv[1:]:
    if wheel.endswith(".whl"):
        zipfile.ZipFile(wheel).extractall(sysconfig.get_path("purelib"))
program = Path(sysconfig.get_path("scripts"), "maskgate")
program.write_text(f"#!{sys.executable}\\nimport small_maskgate; small_maskgate.main()\\n")
program.chmod(0o755)
"""


def small_wheels(folder: Path) -> list[Path]:
    """A pip that unpacks wheels and no more, and a MaskGate that says its version and no more.

    The real ones, which take many seconds, have a test of their own.
    """
    files = {
        "pip-1.0-py3-none-any.whl": {"pip/__main__.py": PIP},
        "maskgate-0.1.0-py3-none-any.whl": {
            "small_maskgate.py": "def main():\n    print('0.1.0')\n"
        },
    }
    for name, content in files.items():
        with zipfile.ZipFile(folder / name, "w") as archive:
            for path, text in content.items():
                archive.writestr(zipfile.ZipInfo(path), text)
    return [folder / name for name in files]


def credentials(folder: Path) -> Credentials:
    return open_credentials(folder / "secrets")


def device(source: str = "demo") -> Device:
    return Device(site="hq", id="north-door", profile="any", source=source)


def small_payload(
    folder: Path, name: str, *, watchdog: bool = False, secrets: Credentials | None = None
) -> Path:
    """A payload of small wheels; the name is in its settings, so that each is another."""
    one = device(f"{name}.mp4")
    profile = Profile.model_validate(
        {"name": "any", "description": "any", "boot": {"watchdog": watchdog}}
    )
    fleet = Fleet(broker=Broker(host="broker.example"), devices=[one], secrets=folder / "secrets")
    secrets = secrets or credentials(folder)
    wheels = small_wheels(folder)
    return build_payload(fleet, one, profile, HERE, secrets, folder / name, wheels)


def copy_root(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
