"""Stands in for a payload's install.py where a test is about the way to it: quick, no services.

The settings say how it is to end: "unhealthy" is rolled back, "impossible" cannot be installed.
"""

import hashlib
import json
import shutil
import sys
import time
from pathlib import Path


def say(step: str, state: str, why: str = "") -> None:
    print(json.dumps({"step": step, "state": state, "why": why}), flush=True)


def install(here: Path, root: Path) -> int:
    described = (here / "payload.json").read_bytes()
    for path, sha256 in json.loads(described)["files"].items():
        assert hashlib.sha256((here / path).read_bytes()).hexdigest() == sha256, path
    name = hashlib.sha256(described).hexdigest()[:12]
    release = root / "opt/maskgate/releases" / name
    current = root / "opt/maskgate/current"
    settings = (here / "etc/maskgate.toml").read_text()
    say("payload", "done", "intact")
    if "slow" in settings:
        (root / "began").touch()
        time.sleep(1.0)
    if "impossible" in settings:
        say("packages", "failed", "apt-get cannot fetch python3-picamera2")
        return 2
    if "unhealthy" in settings:
        say("release", "done", name)
        say("service", "failed", "it ends again and again")
        return 3
    if current.is_symlink() and current.readlink().name == name:
        say("release", "skipped", "as it should be already")
        return 0
    release.mkdir(parents=True)
    current.unlink(missing_ok=True)
    current.symlink_to(f"releases/{name}")
    shutil.copytree(here / "etc", root / "etc/maskgate", dirs_exist_ok=True)
    say("release", "done", name)
    return 0


if __name__ == "__main__":
    words = sys.argv[1:]
    assert words[0] == "install", words
    sys.exit(install(Path(__file__).parent, Path(words[words.index("--root") + 1])))
