"""A root tree of arm64 Debian trixie, for a machine that stands in for a Raspberry Pi.

Nothing of Debian's own installing runs, for it would have to be emulated and take minutes: the
packages are unpacked, and what their scripts would have done is done by the host's tools.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.image_test.tools import call

PACKAGES = (
    "adduser", "apt", "base-files", "base-passwd", "bash", "ca-certificates", "cloud-init",
    "coreutils", "dash", "dbus", "debianutils", "diffutils", "dpkg", "e2fsprogs", "findutils",
    "gawk", "grep", "gzip", "hostname", "init-system-helpers", "iproute2", "kmod",
    "libnss-systemd", "libpam-systemd", "linux-image-cloud-arm64", "login", "mount", "netbase",
    "netplan.io", "openssh-server", "passwd", "procps", "python3", "python3-venv", "sed", "sudo",
    "systemd", "systemd-resolved", "systemd-sysv", "systemd-timesyncd", "tar", "tzdata", "udev",
    "util-linux",
)  # fmt: skip
SUITE = "trixie"
MIRROR = f"deb http://deb.debian.org/debian {SUITE} main"

# What dpkg would have noted, so that whoever asks for a package is told that it is there.
# Raspberry Pi alone packages picamera2; this machine has no camera that it could open, so an empty
# package stands in for it.
STATUS = """
for deb in "$1"/var/cache/apt/archives/*.deb; do
    dpkg-deb --field "$deb" | sed '1a Status: install ok installed' && echo
done > "$1"/var/lib/dpkg/status
cat >> "$1"/var/lib/dpkg/status <<END
Package: python3-picamera2
Status: install ok installed
Maintainer: nobody
Architecture: all
Version: 0
Description: stands in for the real one

END
"""

FOLDERS = ("boot/firmware", "etc/cloud/cloud.cfg.d", "etc/opt", "media", "mnt", "opt", "srv",
           "usr/local/bin", "usr/local/lib", "usr/local/sbin", "var/mail", "var/opt")  # fmt: skip
COPIES = {
    "usr/share/base-passwd/passwd.master": "etc/passwd",
    "usr/share/base-passwd/group.master": "etc/group",
    "usr/share/base-files/profile": "etc/profile",
    "usr/share/base-files/dot.profile": "root/.profile",
    "usr/share/base-files/dot.bashrc": "root/.bashrc",
    "usr/share/libc-bin/nsswitch.conf": "etc/nsswitch.conf",
    "usr/share/openssh/sshd_config": "etc/ssh/sshd_config",
}
LINKS = {
    "etc/localtime": "/usr/share/zoneinfo/Etc/UTC",
    "etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf",
    "usr/bin/awk": "gawk",
    "usr/bin/nc": "nc.openbsd",  # The stages of cloud-init wait by it.
    "usr/bin/which": "which.debianutils",
}
ISSUE = "Raspberry Pi reference 2026-11-01\nGenerated using pi-gen, stage2\n"
FILES = {
    "etc/hostname": "raspberrypi\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 raspberrypi\n",
    "etc/machine-id": "",
    "etc/environment": "",
    "etc/subuid": "",
    "etc/subgid": "",
    "etc/timezone": "Etc/UTC\n",
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/pam.d/common-account": "account required pam_unix.so\n",
    "etc/pam.d/common-auth": "auth required pam_unix.so nullok\n",
    "etc/pam.d/common-password": "password required pam_unix.so yescrypt\n",
    "etc/pam.d/common-session": "session required pam_unix.so\nsession optional pam_systemd.so\n",
    "etc/pam.d/common-session-noninteractive": "session required pam_unix.so\n",
    # As Raspberry Pi OS has it: first boot's files lie on the FAT partition, and nowhere else.
    "etc/rpi-issue": ISSUE,
    "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg": (
        "datasource_list: [NoCloud, None]\n"
        "datasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware/\n"
    ),
    "etc/systemd/system/cloud-init-local.service.d/boot.conf": (
        "[Unit]\nRequiresMountsFor=/boot/firmware\n"
    ),
    # Nobody comes in over ssh before the owner asks for it.
    "etc/systemd/system-preset/10-raspberry-pi.preset": "disable ssh.service\ndisable ssh.socket\n",
}


def recipe() -> str:
    """A name for what the tree is made of; another recipe has another one."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]


def tree(cache: Path) -> Path:
    """The tree, unpacked anew unless it lies in the cache.

    Args:
        cache: the folder that keeps trees.

    Returns:
        The tree's root; it belongs to root and must stay as it is.

    Raises:
        RuntimeError: a tool failed.
    """
    made = cache / f"trixie-arm64-{recipe()}"
    if not made.exists():
        begun = made.with_name(f"{made.name}.{os.getpid()}")
        try:
            unpack(begun)
            complete(begun)
            begun.rename(made)
        finally:
            shutil.rmtree(begun, ignore_errors=True)
    return made


def unpack(root: Path) -> None:
    """Unpack the packages, with all that they need."""
    root.parent.mkdir(parents=True, exist_ok=True)
    call(
        "mmdebstrap", "--variant=extract", "--arch=arm64", f"--include={','.join(PACKAGES)}",
        f"--extract-hook={STATUS}", SUITE, root, MIRROR,
    )  # fmt: skip


def complete(root: Path) -> None:
    """Do what the packages' scripts would have done."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for source, target in COPIES.items():
        shutil.copy(root / source, root / target)
    for name, target in LINKS.items():
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    make_users(root)
    trust_authorities(root)
    call("depmod", "-b", root, kernel(root).name.removeprefix("vmlinuz-"))
    call("systemctl", f"--root={root}", "preset-all")
    compile_python(root)
    # What the first boot would otherwise make up for, slowly.
    for stamp in ("etc/.updated", "var/.updated"):
        (root / stamp).touch()


def kernel(root: Path) -> Path:
    """The kernel that a tree brings along."""
    (found,) = (root / "boot").glob("vmlinuz-*")
    return found


def make_users(root: Path) -> None:
    """Make the users of the packages; none has a password."""
    users = [line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()]
    shadow = root / "etc/shadow"
    shadow.touch(0o640)
    shadow.write_text("".join(f"{user}:*:20000:0:99999:7:::\n" for user in users))
    (root / "etc/gshadow").touch(0o640)
    # "u!" is newer than the host's systemd may be.
    wanted = "".join(
        line.replace("u!", "u", 1) if line.startswith("u!") else line
        for file in sorted((root / "usr/lib/sysusers.d").glob("*.conf"))
        for line in file.read_text().splitlines(keepends=True)
    )
    call("systemd-sysusers", f"--root={root}", "-", said=wanted.encode())


def trust_authorities(root: Path) -> None:
    """Put the certificates of the authorities into the one file that programs read."""
    texts = [file.read_text().strip() for file in authorities(root)]
    target = root / "etc/ssl/certs/ca-certificates.crt"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(f"{text}\n" for text in texts))


def authorities(root: Path) -> Iterator[Path]:
    """The certificates that the package brings along."""
    yield from sorted((root / "usr/share/ca-certificates").rglob("*.crt"))


def compile_python(root: Path) -> None:
    """Compile what Python would compile in the first minutes of the first boot.

    Byte code is the same for every processor, so the same Python for this one does it.
    """
    (version,) = (file.name for file in (root / "usr/bin").glob("python3.??"))
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        native = Path(folder) / "native"
        call("mmdebstrap", "--variant=extract", "--include=python3-minimal,libpython3-stdlib",
             SUITE, native, MIRROR)  # fmt: skip
        (loader,) = (native / "usr/lib64").glob("ld-linux-*.so.*")
        libraries = [*(native / "usr/lib").glob("*-linux-gnu")]
        for place in (f"usr/lib/{version}", "usr/lib/python3/dist-packages"):
            call(
                loader, "--library-path", *libraries, native / "usr/bin" / version, "-I",
                "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
                "-s", root, "-p", "/", root / place,
            )  # fmt: skip
