"""A computer that boots an image: QEMU, which emulates the processor of a Raspberry Pi 4."""

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.image_test.image import read_boot_file
from tests.image_test.tools import IN_THE_BACKGROUND
from tests.waiting import free_port

HOST = "10.0.2.2"
"""What the machine calls the one that emulates it."""
CONSOLE = "ttyAMA0"
# Emulated, all takes many times longer than on a Raspberry Pi.
PATIENCE = "audit=0 systemd.default_device_timeout_sec=900 systemd.default_timeout_start_sec=900"
DEAD = ("Freezing execution", "Kernel panic")
"""What the console says when nothing more will come."""
MEMORY = 2048
"""MB, as the smaller Raspberry Pi 4 has them."""
SSH_OPTIONS = (
    "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=60", "-o", "IdentitiesOnly=yes",
)  # fmt: skip


class Machine:
    """One computer with its disk; it can be switched on again after its power was cut."""

    def __init__(self, disk: Path, kernel: Path, folder: Path) -> None:
        """Put the computer together.

        Args:
            disk: a raw image; it is written to.
            kernel: of the image, which QEMU boots directly: there is no firmware of a Raspberry Pi.
            folder: for the log of the console.
        """
        self._disk = disk
        self._kernel = kernel
        self._process: subprocess.Popen[bytes] | None = None
        self.console = folder / "console.log"
        self.ssh_port = free_port()
        self.switched_on = 0.0
        """When, in monotonic seconds."""

    def switch_on(self) -> None:
        """Boot, by the kernel's command line that is in the image."""
        assert self._process is None
        line = read_boot_file(self._disk, "cmdline.txt").strip()
        line = re.sub(r"console=\S+", "", line) + f" console={CONSOLE} {PATIENCE}"
        with self.console.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    # It ends with this process, however that ends.
                    *IN_THE_BACKGROUND, "setpriv", "--pdeathsig", "KILL", "qemu-system-aarch64",
                    "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", str(MEMORY),
                    "-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none",
                    "-nodefaults", "-serial", "stdio",
                    "-kernel", str(self._kernel), "-append", line,
                    "-drive", f"file={self._disk},format=raw,if=none,id=card,cache=writeback",
                    "-device", "nvme,drive=card,serial=card",
                    "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22",
                    "-device", "virtio-net-pci,netdev=net,romfile=",
                    "-device", "virtio-rng-pci",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.switched_on = time.monotonic()

    def cut_power(self) -> None:
        """Stop at once: what was not on the disk is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def wait(
        self, holds: Callable[[], bool], seconds: float, what: str, pause: float = 0.5
    ) -> float:
        """Wait until something holds, and look every few seconds.

        Returns:
            Seconds since the machine was switched on.

        Raises:
            AssertionError: it took too long, or the machine ended; with the console's last lines.
        """
        deadline = time.monotonic() + seconds
        while not holds():
            ended = self._process is None or self._process.poll() is not None
            assert not ended, f"the machine ended before {what}\n{self._last_lines()}"
            dead = any(words in self._last_lines() for words in DEAD)
            assert not dead, f"the system failed before {what}\n{self._last_lines()}"
            late = time.monotonic() > deadline
            assert not late, f"not within {seconds} s: {what}\n{self._last_lines()}"
            time.sleep(pause)
        return time.monotonic() - self.switched_on

    def run(
        self, command: str, user: str, key: Path, *, seconds: float = 180, check: bool = True
    ) -> str:
        """Run a command in the machine, over ssh; its output.

        Raises:
            AssertionError: it failed, and was not allowed to.
        """
        done = subprocess.run(
            ["ssh", *SSH_OPTIONS, "-i", str(key), "-p", str(self.ssh_port),
             f"{user}@127.0.0.1", command],
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def _last_lines(self) -> str:
        return self.console.read_text(errors="replace")[-3000:]


@contextlib.contextmanager
def machine(disk: Path, kernel: Path, folder: Path) -> Iterator[Machine]:
    """A machine that is switched off whatever happens."""
    made = Machine(disk, kernel, folder)
    try:
        yield made
    finally:
        made.cut_power()


def has_ssh(port: int) -> bool:
    """Whether somebody greets at that port of this machine as sshd does."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(5)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
