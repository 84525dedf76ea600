"""Installs again and again, each time killed at the next touch of the disk.

A process of its own: it forks, and must have no threads. The environment with its wheels, which
pip makes, is a stand-in of a few files.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from firmware_config.installer import install as installing
from firmware_config.installer import release
from firmware_config.installer.payload import Payload, read_payload
from firmware_config.installer.places import Places
from firmware_config.installer.remove import remove
from firmware_config.installer.service import Patience
from firmware_config.installer.system import System
from tests.installs import Machine, copy_root, tree
from tests.killing import is_killed

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
TOUCHES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.symlink"}
"""Python's names of what touches the disk, told before it is done; and opening a file to write."""
PATIENCE = Patience(ready=60, steady=0)


def make_environment(folder: Path, _payload: Payload) -> None:
    (folder / "bin").mkdir(parents=True)
    for name in ("python", "maskgate"):
        (folder / "bin" / name).write_text("#!/bin/sh\n")


def touches_the_disk(event: str, words: tuple[object, ...]) -> bool:
    opened = event == "open" and isinstance(words[2], int) and bool(words[2] & WRITES)
    # Where the bundles are copied, one kill is as good as another.
    return (opened or event in TOUCHES) and "bundles/" not in str(words)


def whose(root: Path, payloads: dict[str, Path]) -> tuple[str | None, str | None]:
    """Whose release and whose settings count; both must be whole."""
    places = Places(root)
    ids = {read_payload(path).id: name for name, path in payloads.items()}
    running = release.current_id(places.current)
    assert places.current.is_symlink() == (running is not None)
    found = [
        name
        for name, path in payloads.items()
        if places.configuration.exists()
        and all(
            (places.configuration / one.name).read_bytes() == one.read_bytes()
            for one in (path / "etc").iterdir()
        )
    ]
    assert bool(found) == places.configuration.exists()
    return (ids[running] if running else None), (found[0] if found else None)


def main() -> None:
    """Print at how many touches it was killed; what must hold is asserted."""
    machine, made, what = Machine(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
    release.make_environment = make_environment
    payloads = {name: made / name for name in "ab"}
    places = Places(machine.root)
    system = System(places, str(machine.folder / "systemctl"))

    def install(name: str) -> int:
        return installing.install(places, system, read_payload(payloads[name]), PATIENCE)

    if what == "first":
        shutil.rmtree(machine.folder)
        machine.prepare()
    else:
        shutil.rmtree(places.program)
        assert install("a") == 0
        (machine.folder / "starts").unlink()  # Both ways there must look alike.
    if what == "rollback":
        machine.never_healthy(payloads["b"])
        # Until the switch it is as with an update.
        release.make_release(places, read_payload(payloads["b"]))
    step: Callable[[], int] = {
        "first": lambda: install("a"),
        "update": lambda: install("b"),
        "rollback": lambda: install("b"),
        "remove": lambda: remove(places, system, purge=False),
    }[what]
    begin = machine.folder.with_name("begin")
    copy_root(machine.folder, begin)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        said, sys.stdout = sys.stdout, nowhere
        code = step()
        assert code == (3 if what == "rollback" else 0)
        expected = tree(machine.root)
        touch, killed = 0, True
        while killed:
            touch += 1
            copy_root(begin, machine.folder)
            killed = is_killed(step, touch, touches_the_disk)
            if what in ("update", "rollback"):
                running, settings = whose(machine.root, payloads)
                assert running, touch
                assert settings, touch
            again = step()
            assert again == code, (touch, again)
            assert tree(machine.root) == expected, (touch, difference(machine.root, expected))
        sys.stdout = said
    print(touch)


def difference(root: Path, expected: dict[str, str]) -> set[str]:
    return {name for name, _ in set(tree(root).items()) ^ set(expected.items())}


if __name__ == "__main__":
    main()
