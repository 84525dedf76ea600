"""A card is written only if it is one, unused and named by hand; what was written is read back."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.errors import MaskGateError
from firmware_config import card as card_module
from firmware_config.card import CHUNK, verify, write_card, write_through
from firmware_config.disks import Disk, InUse, contents, look_at, require_fit, what_is_in_use
from tests.raspios import needs_image_tools, write_image

pytestmark = needs_image_tools
GB = 10**9
NOTHING = InUse({}, frozenset())
IMAGE = os.urandom(1000) + bytes(CHUNK) + os.urandom(CHUNK + 12_345)
"""Three chunks, the last one not whole, with a hole in it."""


def disk(name: str = "sdb", **changed: Any) -> dict[str, Any]:
    """A stick, as lsblk tells of one."""
    told = {
        "name": name, "path": f"/dev/{name}", "maj:min": "8:16", "type": "disk",
        "size": 32 * GB, "rm": True, "hotplug": True, "ro": False, "tran": "usb",
        "vendor": "Generic ", "model": "MassStorageClass", "serial": "000000001538",
        "label": None, "fstype": None, "mountpoints": [None],
    }  # fmt: skip
    return told | changed


def part(name: str, **changed: Any) -> dict[str, Any]:
    told = {"type": "part", "size": GB, "maj:min": "8:17", "vendor": None, "model": None}
    return disk(name, tran=None, serial=None, **(told | changed))


STICK = disk(
    children=[
        part("sdb1", label="bootfs", fstype="vfat"),
        part("sdb2", label="rootfs", fstype="ext4", size=5 * GB),
    ]
)
READER = disk("mmcblk0", rm=False, tran=None, vendor=None, model=None, serial="0x1d2c")
BUILT_IN: dict[str, Any] = {"rm": False, "hotplug": False, "tran": "nvme", "model": "Samsung SSD"}
LAPTOP = disk(
    "nvme0n1",
    **BUILT_IN,
    children=[
        part("nvme0n1p1", mountpoints=["/boot/efi"], fstype="vfat"),
        part(
            "nvme0n1p2",
            fstype="crypto_LUKS",
            children=[
                part("luks", type="crypt", children=[part("vg-root", type="lvm", fstype="ext4",
                     mountpoints=["/", "/var/snap"]), part("vg-swap", type="lvm",
                     mountpoints=["[SWAP]"])])
            ],
        ),
    ],
)  # fmt: skip
ENCRYPTED_STICK = disk(
    children=[
        part("sdb1", children=[part("c", type="crypt", mountpoints=["/media/me/My Disk"])]),
    ]
)
SWAP_STICK = disk(children=[part("sdb1", mountpoints=["[SWAP]"], fstype="swap")])


@pytest.mark.parametrize("told", [STICK, READER, disk(tran="usb", rm=False, hotplug=False)])
def test_a_card_that_can_be_taken_out_fits(told: dict[str, Any]) -> None:
    require_fit(Disk.model_validate(told), GB, NOTHING)
    require_fit(Disk.model_validate(told), 32 * GB, NOTHING)


@pytest.mark.parametrize(
    ("told", "used", "expected"),
    [
        (LAPTOP, NOTHING, r"holds the running system \(/dev/nvme0n1p1 is /boot/efi\)"),
        (
            disk("sda", children=[part("sda1", mountpoints=["/", "/snap/x"])]),
            NOTHING,
            r"holds the running system \(/dev/sda1 is /\)",
        ),
        (
            # Where lsblk does not see the mounts, as in a container, their numbers tell.
            disk(children=[part("sdb1", **{"maj:min": "8:17"})]),
            InUse({"8:17": ["/"]}, frozenset()),
            "running system",
        ),
        (STICK, InUse({"/dev/sdb2": ["/mnt"]}, frozenset()), "/dev/sdb2 is mounted at /mnt"),
        (disk(mountpoints=["/media/x"]), NOTHING, "/dev/sdb is mounted at /media/x"),
        (ENCRYPTED_STICK, NOTHING, "/dev/c is mounted at /media/me/My Disk"),
        (SWAP_STICK, NOTHING, "/dev/sdb1 is swap space in use"),
        (STICK, InUse({}, frozenset({"/dev/sdb1"})), "/dev/sdb1 is swap space in use"),
        (disk("nvme1n1", **BUILT_IN), NOTHING, "Samsung SSD.* is built in"),
        (part("sdb1"), NOTHING, "it is a part, expected a whole card"),
        (disk("sr0", type="rom"), NOTHING, "it is a rom"),
        (disk("loop7", type="loop"), NOTHING, "it is a loop"),
        (disk(size=0), NOTHING, "no card in it"),
        (disk(ro=True), NOTHING, "write-protected; slide its lock"),
        (disk(size=GB - 1), NOTHING, "it has 999,999,999 bytes, the image has 1,000,0"),
    ],
)  # fmt: skip
def test_a_disk_that_must_not_be_erased_is_refused(
    told: dict[str, Any], used: InUse, expected: str
) -> None:
    with pytest.raises(MaskGateError, match=expected) as refusal:
        require_fit(Disk.model_validate(told), GB, used)
    assert "\n" not in str(refusal.value)


def test_older_versions_of_lsblk_are_understood() -> None:
    old = disk(rm="1", hotplug="1", ro="0", size="32000000000")
    assert Disk.model_validate(json.loads(json.dumps(old))).rm is True
    require_fit(Disk.model_validate(old), GB, NOTHING)


def test_what_would_be_erased_is_shown() -> None:
    stick = Disk.model_validate(STICK)
    assert stick.title() == "Generic MassStorageClass, serial number 000000001538, 32.0 GB"
    assert contents(stick) == [
        '  sdb1: 1.0 GB, vfat, called "bootfs"',
        '  sdb2: 5.0 GB, ext4, called "rootfs"',
    ]
    assert contents(Disk.model_validate(disk())) == ["  no partitions that are known"]


def never(question: str) -> str:
    pytest.fail(f"asked: {question}")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "made.img"
    file.write_bytes(IMAGE)
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image that may be written."""
    return write_image(tmp_path_factory.mktemp("made") / "made.img")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("made.img", "found a file"),
        (".", "found a folder"),
        ("none", "it is not there"),
        ("/dev/null", "found no disk"),
        ("/dev/zero", "found no disk"),
    ],
)
def test_what_is_no_block_device_is_refused(name: str, expected: str, made: Path) -> None:
    before = hashlib.sha256(made.read_bytes()).hexdigest()
    with pytest.raises(MaskGateError, match=expected):
        write_card(made, made.parent / name, ask=never)
    assert hashlib.sha256(made.read_bytes()).hexdigest() == before


def test_the_disk_that_this_machine_runs_from_is_refused(made: Path) -> None:
    number = os.stat("/").st_dev  # noqa: PTH116
    name = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve().name
    if not Path("/dev", name).is_block_device():
        pytest.skip("the root of this machine is on no disk that is seen here")
    with pytest.raises(MaskGateError, match="holds the running system"):
        write_card(made, Path("/dev", name), ask=never)


def test_mounts_are_known_by_number_and_by_source() -> None:
    number = os.stat("/").st_dev  # noqa: PTH116
    used = what_is_in_use()
    assert "/proc" in used.mounts["proc"]
    assert any("/" in places for places in used.mounts.values())
    if os.major(number):
        assert "/" in used.mounts[f"{os.major(number)}:{os.minor(number)}"]


def test_what_is_no_raw_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match="cannot be read"):
        write_card(tmp_path / "none.img", Path("/dev/null"), ask=never)
    (tmp_path / "packed.img.xz").write_bytes(b"\xfd7zXZ\0" + bytes(5000))
    with pytest.raises(MaskGateError, match="it is no disk image"):
        write_card(tmp_path / "packed.img.xz", Path("/dev/null"), ask=never)


def _loop(file: Path) -> str | None:
    """A loop device of a file; None where there is none to be had."""
    if os.geteuid() or not shutil.which("losetup"):
        return None
    done = subprocess.run(
        ["losetup", "--find", "--show", file], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Makes real block devices out of files."""
    made: list[str] = []

    def make(size: int = 32 << 20, file: Path = tmp_path / "card") -> Path:
        with file.open("wb") as backing:
            backing.truncate(size)
        device = _loop(file)
        if device is None:
            pytest.skip("needs root and loop devices")
        made.append(device)
        return Path(device)

    yield make
    for device in made:
        subprocess.run(["losetup", "--detach", device], capture_output=True, check=False)


def opened(device: Path) -> int:
    return os.open(device, os.O_RDWR | os.O_EXCL)


def test_a_loop_device_is_no_card(made: Path, loop: Callable[..., Path]) -> None:
    with pytest.raises(MaskGateError, match="it is a loop, expected a whole card"):
        write_card(made, loop(), ask=never)


def test_a_block_device_gets_the_image_and_keeps_what_is_behind(
    image: Path, loop: Callable[..., Path], tmp_path: Path
) -> None:
    device = loop()
    descriptor = opened(device)
    end = os.lseek(descriptor, 0, os.SEEK_END)
    os.pwrite(descriptor, b"behind" * 100, end - 600)
    os.pwrite(descriptor, b"\xff" * 3 * CHUNK, 0)
    with image.open("rb") as source:
        write_through(source, descriptor, "card")
        verify(source, descriptor, "card")
    os.close(descriptor)
    written = (tmp_path / "card").read_bytes()
    assert written[: len(IMAGE)] == IMAGE
    assert written.endswith(b"behind" * 100)


def test_a_byte_that_reads_back_otherwise_is_found(
    image: Path, loop: Callable[..., Path], tmp_path: Path
) -> None:
    descriptor = opened(loop())
    with image.open("rb") as source:
        write_through(source, descriptor, "card")
        with (tmp_path / "card").open("r+b") as backing:
            backing.seek(len(IMAGE) - 1)
            backing.write(bytes([IMAGE[-1] ^ 1]))
        with pytest.raises(MaskGateError, match="near byte 8,388,608 it reads back other than"):
            verify(source, descriptor, "card")
    os.close(descriptor)


def test_a_device_that_ends_early_is_told(image: Path, loop: Callable[..., Path]) -> None:
    descriptor = opened(loop(size=CHUNK))
    with (
        image.open("rb") as source,
        pytest.raises(MaskGateError, match="less room than it says"),
    ):
        write_through(source, descriptor, "card")
    os.close(descriptor)


def test_an_input_output_error_is_told_and_leaves_no_partition_table(
    image: Path, loop: Callable[..., Path], tmp_path: Path
) -> None:
    """A loop device whose file's disk is full answers with one."""
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid():
        pytest.skip("needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", small]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        device = loop(file=small / "card")
        descriptor = opened(device)
        with (
            image.open("rb") as source,
            pytest.raises(MaskGateError, match=r"writing failed .*input/output error"),
        ):
            write_through(source, descriptor, "card")
        os.close(descriptor)
        assert (small / "card").read_bytes()[:512] == bytes(512)
        subprocess.run(["losetup", "--detach", device], check=True)
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)


def as_a_card(
    device: Path, monkeypatch: pytest.MonkeyPatch, **changed: Any
) -> Callable[[Path], Disk]:
    """Have a loop device pass for a card: nothing that can be taken out is in this machine."""

    def look(path: Path) -> Disk:
        return look_at(path).model_copy(update={"type": "disk", "hotplug": True, **changed})

    assert device.is_block_device()
    monkeypatch.setattr(card_module, "look_at", look)
    return look


@pytest.mark.parametrize("whole", [False, True])
def test_a_card_whose_name_was_typed_is_written_and_verified(
    *,
    whole: bool,
    made: Path,
    loop: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    device, asked = loop(), list[str]()
    as_a_card(device, monkeypatch, model="Stick\x1b[2J", label="old\n")

    def ask(question: str) -> str:
        asked.append(question)
        return f" {device if whole else device.name}\n"

    write_card(made, device, ask=ask)
    assert (tmp_path / "card").read_bytes()[: made.stat().st_size] == made.read_bytes()
    assert asked == [f"Type {device.name} to erase it"]
    said = capsys.readouterr().err
    assert "Stick?[2J" in said
    assert 'called "old?"' in said
    assert "written and verified" in said


@pytest.mark.parametrize("answer", ["", "y", "yes", "sda", "/dev/sda"])
def test_any_other_answer_leaves_the_card_as_it_is(
    answer: str,
    made: Path,
    loop: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    device = loop()
    as_a_card(device, monkeypatch)
    with pytest.raises(MaskGateError, match="nothing was written"):
        write_card(made, device, ask=lambda _question: answer)
    assert (tmp_path / "card").read_bytes().count(0) == (tmp_path / "card").stat().st_size


def test_a_card_that_was_swapped_while_it_was_asked_for_is_left_alone(
    made: Path, loop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device = loop()
    as_a_card(device, monkeypatch)

    def ask(_question: str) -> str:
        as_a_card(device, monkeypatch, serial="another")
        return device.name

    with pytest.raises(MaskGateError, match="another one by now"):
        write_card(made, device, ask=ask)
    assert not any((tmp_path / "card").read_bytes())


def test_a_card_that_is_mounted_is_refused(
    made: Path, loop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device, place = loop(size=32 << 20), tmp_path / "place with blanks"
    place.mkdir()
    subprocess.run(["mke2fs", "-q", "-t", "ext4", device], check=True)
    as_a_card(device, monkeypatch)

    def mount_meanwhile(_question: str) -> str:
        subprocess.run(["mount", device, place], check=True)
        return device.name

    mounted = re.escape(f"{device} is mounted at {place}")
    try:
        with pytest.raises(MaskGateError, match=mounted):
            write_card(made, device, ask=mount_meanwhile)
        with pytest.raises(MaskGateError, match=mounted):
            write_card(made, device, ask=never)
        # Even if nobody knew of it, the kernel does not give it away.
        monkeypatch.setattr(card_module, "what_is_in_use", lambda: NOTHING)
        as_a_card(device, monkeypatch, mountpoints=[])
        with pytest.raises(MaskGateError, match="something uses it"):
            write_card(made, device, ask=lambda _question: device.name)
    finally:
        subprocess.run(["umount", place], check=True)


def test_who_may_not_write_the_card_is_told_so(
    made: Path, loop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = loop()
    as_a_card(device, monkeypatch)
    device.chmod(0o600)

    def become_nobody(_question: str) -> str:
        os.seteuid(65534)
        return device.name

    try:
        with pytest.raises(MaskGateError, match="run it as root"):
            write_card(made, device, ask=become_nobody)
    finally:
        os.seteuid(0)
