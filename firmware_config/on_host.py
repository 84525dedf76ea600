"""Runs on a host as root: takes in a payload, then runs its install.py.

Sent there over ssh and executed from memory (see host.py); nothing of it stays. Standard library
only, Python 3.10 and later. It hears, on standard input, a line of JSON, the order, then the bytes
that it asks for; it says lines of JSON: what it needs, the steps of install.py, how that ended.

The folder /var/lib/maskgate-install is its own:

    ID.part/   a payload on its way, with secrets: until install.py has ended
    ID/        the last payload, without secrets, so that the next copies only what differs
    lock       held by whoever copies or installs

Once install.py runs, a connection that is lost ends nothing, neither there nor here: nothing but
writing to it fails. So an installation ends as it would have, goes back by itself if the new
release is not healthy, and the secrets are removed.
"""

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn, cast

SILENCE = 60
"""Seconds without a byte after which a copy ends: whoever sent it is gone. The kernel's own
notice of a network that vanished takes hours, and the lock would be held until then."""
LOCK_WAIT = 75.0
"""Seconds to wait for another: longer than one that was cut off holds on."""
RESERVE = 100_000_000
"""Bytes that stay free whatever is copied: the service that runs writes its alerts there. As much
as install.py leaves."""
LOG_LINES = 30
JOURNAL_LIMIT = 20
_CHUNK = 65_536


def main() -> None:
    """Do what standard input orders."""
    signal.alarm(SILENCE)
    os.umask(0o077)
    order = json.loads(sys.stdin.buffer.readline())
    home = Path(order["root"]) / "var/lib/maskgate-install"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        lock = take_lock(home)
        staging = home / f"{order['id']}.part"
        take_in(order, home, staging)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            # A full disk is worse for what runs there than copying again is for us.
            shutil.rmtree(home / f"{order['id']}.part", ignore_errors=True)
            refuse(f"{home}: the disk became full while copying; what was copied is removed, free "
                   "some space")  # fmt: skip
        refuse(f"{error.filename or home}: it cannot be written ({error.strerror or error})")
    run_installer(order, home, staging)
    os.close(lock)


def say(**what: Any) -> None:
    """Say a line of JSON, if anybody still listens."""
    with contextlib.suppress(OSError):
        print(json.dumps(what), flush=True)


def refuse(why: str) -> NoReturn:
    """End, and say why."""
    say(refused=why)
    sys.exit(2)


def take_lock(home: Path) -> int:
    """Be the only one who copies and installs; the lock's file descriptor."""
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_WAIT
    signal.alarm(0)
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                refuse("another installation is going on there; try again in some minutes")
            if not told:
                say(waiting="for another installation")
            told = True
            time.sleep(0.2)
        else:
            signal.alarm(SILENCE)
            return lock


def take_in(order: dict[str, Any], home: Path, staging: Path) -> None:
    """Have every file of the order in the staging folder, each with the hash that it must have.

    What is on this host already is moved there; the rest is asked for, and what was cut off
    before is gone on with. A power cut may leave any file damaged: hence nothing is believed that
    was not hashed in this very run.
    """
    last = home / order["id"]
    if last.is_dir() and not staging.exists():
        last.rename(staging)
    staging.mkdir(mode=0o700, exist_ok=True)
    staging.chmod(0o700)
    files = {staging / path: tuple(wanted) for path, wanted in order["files"].items()}
    remove_others(staging, files)
    missing = {file: wanted for file, wanted in files.items() if not is_good(file, *wanted)}
    for file in move_there(home, staging, missing):
        del missing[file]
    require_room(order, home, sum(size for _, size in missing.values()))
    for attempt in ("first", "second"):
        receive(staging, missing)
        missing = {file: wanted for file, wanted in missing.items() if not is_good(file, *wanted)}
        if not missing:
            break
        for file in missing:
            file.unlink()
        if attempt == "second":
            refuse(f"{min(missing).name} arrives with another hash than its payload says; build "
                   "the payload again")  # fmt: skip
    say(need={})


def is_good(file: Path, sha256: str, size: int) -> bool:
    """Whether a file is there and is what it must be."""
    if not file.is_file() or file.is_symlink() or file.stat().st_size != size:
        return False
    return hash_of(file) == sha256


def hash_of(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    found = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
            signal.alarm(SILENCE)
    return found.hexdigest()


def remove_others(staging: Path, files: dict[Path, Any]) -> None:
    """Remove what is in the staging folder and not of the payload."""
    for found in sorted(staging.rglob("*"), reverse=True):
        if found.is_dir() and not found.is_symlink():
            if found in files or not any(found in file.parents for file in files):
                found.rmdir()
        elif found not in files or found.is_symlink():
            # Nothing is ever written through a link.
            found.unlink()


def move_there(home: Path, staging: Path, missing: dict[Path, tuple[str, int]]) -> list[Path]:
    """Move what an earlier payload has of the missing files; give those that are there now."""
    sizes = {size for _, size in missing.values()}
    known: dict[str, Path] = {}
    for file in home.rglob("*"):
        ours = staging in file.parents
        if not ours and file.is_file() and not file.is_symlink() and file.stat().st_size in sizes:
            known[hash_of(file)] = file
    moved = []
    for file, (sha256, _) in missing.items():
        if sha256 in known:
            file.parent.mkdir(parents=True, exist_ok=True)
            known.pop(sha256).replace(file)
            moved.append(file)
    return moved


def require_room(order: dict[str, Any], home: Path, copied: int) -> None:
    """Refuse what would fill a disk.

    Args:
        order: says how large the release becomes.
        home: where the payload goes.
        copied: bytes that are still to come.
    """
    installed = Path(order["root"]) / "opt/maskgate/releases"
    release = 0 if (installed / order["id"]).exists() else order["unpacked"]
    while not installed.is_dir():
        installed = installed.parent
    needs = {home: copied, installed: release}
    if home.stat().st_dev == installed.stat().st_dev:
        needs = {home: copied + release}
    for folder, needed in needs.items():
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if needed and free < needed + RESERVE:
            refuse(f"{folder}: expected {(needed + RESERVE) / 1e6:.0f} MB free, found "
                   f"{free / 1e6:.0f} MB; free some space")  # fmt: skip


def receive(staging: Path, missing: dict[Path, tuple[str, int]]) -> None:
    """Ask for what is missing, and write it as it comes."""
    if not missing:
        return
    there = {}
    for file, (_, size) in missing.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        there[file] = file.stat().st_size if file.is_file() else 0
        if there[file] >= size:  # Not a part of it: it has the size and another hash.
            file.unlink(missing_ok=True)
            there[file] = 0
    say(need={str(file.relative_to(staging)): there[file] for file in missing})
    incoming = cast("io.BufferedReader", sys.stdin.buffer)
    for file, (_, size) in missing.items():
        # Unbuffered, so that a disk that is full says so here, and a cut leaves all that came.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        with open(os.open(file, flags, 0o600), "wb", buffering=0) as stream:  # noqa: PTH123
            left = size - there[file]
            while left:
                chunk = incoming.read1(min(left, _CHUNK))
                if not chunk:
                    sys.exit(1)  # The connection is lost.
                signal.alarm(SILENCE)
                write_all(stream.fileno(), chunk)
                left -= len(chunk)


def write_all(file: int, data: bytes) -> None:
    """Write all of it: an unbuffered write may take only a part."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def run_installer(order: dict[str, Any], home: Path, staging: Path) -> None:
    """Run install.py, which says its steps itself; say how it ended, and tidy up."""
    signal.alarm(0)
    began = time.time()
    where = [] if order["root"] == "/" else ["--root", order["root"]]
    words = [sys.executable, str(staging / "install.py"), *order["command"], *where]
    # What it installs is for the service's user to read.
    code = subprocess.run(  # noqa: S603
        words, stdin=subprocess.DEVNULL, umask=0o022, check=False
    ).returncode
    log = service_log(began) if code else []
    tidy(home, staging, code, keep=order["keep"])
    say(ended=code, log=log)


def service_log(since: float) -> list[str]:
    """The service's last lines in the journal, from a time on; none where there is no journal."""
    words = ["journalctl", "-u", "maskgate", f"--since=@{since:.0f}", "-n", str(LOG_LINES), "-q",
             "--no-pager"]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603
            words, capture_output=True, text=True, timeout=JOURNAL_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines()


def tidy(home: Path, staging: Path, code: int, *, keep: bool) -> None:
    """Remove the secrets, and what earlier payloads left."""
    if not keep:
        if code == 0:
            shutil.rmtree(home, ignore_errors=True)
        return
    shutil.rmtree(staging / "etc", ignore_errors=True)
    last = home / staging.stem
    if last.exists():
        shutil.rmtree(last, ignore_errors=True)
    staging.rename(last)
    for other in home.iterdir():
        if other.is_dir() and other != last:
            shutil.rmtree(other, ignore_errors=True)


if __name__ == "__main__":
    main()
