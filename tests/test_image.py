"""Images are read, refused where they do not fit, and made a device's own, file by file."""

import gzip
import hashlib
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import MaskGateError
from firmware_config.image import ImageSystem, prepare_image, system_of
from firmware_config.profile import Profile
from tests.raspios import (
    ARM,
    BOOT_SIZE,
    BOOT_START,
    CONFIG,
    FAT32_SIZE,
    MEBIBYTE,
    PYTHONS,
    ROOT_START,
    STOCK_USER_DATA,
    X86_64,
    boot_files,
    call,
    cmdline,
    content,
    device,
    listed,
    needs_image_tools,
    profile,
    root_files,
    write_image,
)

pytestmark = needs_image_tools
ON_DEVICE = Path(__file__).parents[1] / "firmware_config/image/on_device"
PAYLOAD = os.urandom(300_000)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    return {name: write_image(folder / f"{name}.img", name) for name in PYTHONS}


@pytest.fixture
def payload(tmp_path: Path) -> Callable[[ImageSystem], Path]:
    tar = tmp_path / "payload.tar"
    tar.write_bytes(PAYLOAD)
    return lambda _system: tar


@pytest.fixture
def wifi(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "wifi").write_text("correct horse battery\n")
    return {"ssid": "Gästenetz", "password_file": str(tmp_path / "wifi"), "country": "DE"}


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("codename", PYTHONS)
def test_says_which_system_is_in_an_image(codename: str, images: dict[str, Path]) -> None:
    found = system_of(images[codename])
    assert found.name == f"raspios-{codename}"
    assert found.title == f"Debian GNU/Linux ({codename})"
    assert (found.python, found.machine) == (PYTHONS[codename], "aarch64")


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress], ids=["xz", "gz"])
def test_a_packed_image_gives_the_same_bytes_as_a_raw_one(
    pack: Callable[[bytes], bytes],
    images: dict[str, Path],
    payload: Callable[[ImageSystem], Path],
    tmp_path: Path,
) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(pack(images["trixie"].read_bytes()))
    prepare_image(images["trixie"], tmp_path / "a.img", payload, device(), profile())
    prepare_image(packed, tmp_path / "b.img", payload, device(), profile())
    assert digest(tmp_path / "a.img") == digest(tmp_path / "b.img")


def test_a_trixie_image_gets_cloud_inits_files_and_keeps_the_rest(
    images: dict[str, Path],
    payload: Callable[[ImageSystem], Path],
    wifi: dict[str, str],
    tmp_path: Path,
) -> None:
    image, out = images["trixie"], tmp_path / "north-door.img"
    before = digest(image)
    prepare_image(image, out, payload, device(wifi=wifi), profile())
    assert digest(image) == before
    assert listed(out) == {
        *("cmdline.txt", "config.txt", "kernel8.img", "user-data", "meta-data", "network-config"),
        *("user-data.before", "meta-data.before", "network-config.before"),
        *("maskgate/payload.tar", "maskgate/set-up.sh", "maskgate/maskgate-install.service"),
    }
    assert content(out, "maskgate/payload.tar") == PAYLOAD
    for name in ("set-up.sh", "maskgate-install.service"):
        assert content(out, f"maskgate/{name}") == (ON_DEVICE / name).read_bytes()
    stock = boot_files("trixie")
    for name in ("user-data", "meta-data", "network-config"):
        assert content(out, f"{name}.before") == stock[name]
        assert b"Made by MaskGate" in content(out, name)
    assert content(out, "user-data.before").decode() == STOCK_USER_DATA
    assert content(out, "kernel8.img") == stock["kernel8.img"]
    assert content(out, "config.txt").decode() == CONFIG + (
        "\n# MaskGate: begin\n[all]\ncamera_auto_detect=1\ndtparam=watchdog=on\n# MaskGate: end\n"
    )
    assert content(out, "cmdline.txt").decode() == (
        cmdline("trixie").strip() + " cfg80211.ieee80211_regdom=DE\n"
    )


def test_without_wifi_an_image_keeps_its_own_network(
    images: dict[str, Path], payload: Callable[[ImageSystem], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.img"
    prepare_image(images["trixie"], out, payload, device(), profile())
    assert content(out, "network-config") == boot_files("trixie")["network-config"]
    assert "network-config.before" not in listed(out)
    assert content(out, "cmdline.txt").decode() == cmdline("trixie")


def test_a_bookworm_image_gets_a_script_that_runs_once(
    images: dict[str, Path],
    payload: Callable[[ImageSystem], Path],
    wifi: dict[str, str],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.img"
    prepare_image(images["bookworm"], out, payload, device(wifi=wifi), profile())
    assert listed(out) == {
        *("cmdline.txt", "config.txt", "kernel8.img", "firstrun.sh", "maskgate/payload.tar"),
        *("maskgate/set-up.sh", "maskgate/maskgate-install.service"),
        *("maskgate/authorized_keys", "maskgate/wifi.nmconnection"),
    }
    assert content(out, "maskgate/authorized_keys").decode() == f"{device().ssh_keys[0]}\n"
    assert content(out, "cmdline.txt").decode() == (
        cmdline("bookworm").strip() + " cfg80211.ieee80211_regdom=DE "
        "systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot "
        "systemd.unit=kernel-command-line.target\n"
    )


def test_a_fat32_is_edited_as_well(payload: Callable[[ImageSystem], Path], tmp_path: Path) -> None:
    image = write_image(tmp_path / "large.img", boot_size=FAT32_SIZE)
    out = tmp_path / "out.img"
    prepare_image(image, out, payload, device(), profile())
    was, now = image.read_bytes(), out.read_bytes()
    end = BOOT_START + FAT32_SIZE
    assert was[:BOOT_START] == now[:BOOT_START]
    assert was[end:] == now[end:]
    (tmp_path / "boot.fat").write_bytes(now[BOOT_START:end])
    call("fsck.fat", "-n", tmp_path / "boot.fat")
    assert content(out, "maskgate/payload.tar") == PAYLOAD
    assert out.stat().st_blocks * 512 < FAT32_SIZE, "the holes are written out"


@pytest.mark.parametrize("codename", PYTHONS)
def test_only_the_boot_partitions_files_change(
    codename: str,
    images: dict[str, Path],
    payload: Callable[[ImageSystem], Path],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.img"
    prepare_image(images[codename], out, payload, device(), profile())
    was, now = images[codename].read_bytes(), out.read_bytes()
    assert len(was) == len(now)
    assert was[:BOOT_START] == now[:BOOT_START]
    assert was[ROOT_START:] == now[ROOT_START:]
    # The boot sector: its volume's number and name.
    assert was[BOOT_START : BOOT_START + 512] == now[BOOT_START : BOOT_START + 512]
    fat = tmp_path / "boot.fat"
    fat.write_bytes(now[BOOT_START:ROOT_START])
    call("fsck.fat", "-n", fat)
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_at_another_time_and_place(
    images: dict[str, Path],
    payload: Callable[[ImageSystem], Path],
    wifi: dict[str, str],
    tmp_path: Path,
) -> None:
    door, elsewhere = device(wifi=wifi), tmp_path / "else@@where? {}"
    elsewhere.mkdir()
    prepare_image(images["trixie"], tmp_path / "a.img", payload, door, profile())
    os.utime(payload(system_of(images["trixie"])), (1, 1))
    subprocess.run(["sleep", "2.1"], check=True)
    prepare_image(images["trixie"], elsewhere / "b?.img", payload, door, profile())
    assert digest(tmp_path / "a.img") == digest(elsewhere / "b?.img")


def test_an_image_that_was_made_for_a_device_is_not_made_for_another(
    images: dict[str, Path], payload: Callable[[ImageSystem], Path], tmp_path: Path
) -> None:
    prepare_image(images["trixie"], tmp_path / "a.img", payload, device(), profile())
    with pytest.raises(MaskGateError, match="made for a device already"):
        prepare_image(tmp_path / "a.img", tmp_path / "b.img", payload, device(), profile())


def cut(image: bytes) -> bytes:
    return image[: ROOT_START + MEBIBYTE]


def without_fat(image: bytes) -> bytes:
    return image[:BOOT_START] + bytes(BOOT_SIZE) + image[ROOT_START:]


def without_ext4(image: bytes) -> bytes:
    return image[:ROOT_START] + bytes(len(image) - ROOT_START)


def with_damaged_root(image: bytes) -> bytes:
    """The inodes of its system are gone."""
    return image[: ROOT_START + 4096] + b"\xff" * 500_000 + image[ROOT_START + 504_096 :]


def with_one_partition(image: bytes) -> bytes:
    return image[:462] + bytes(48) + image[510:]


def with_gpt(image: bytes) -> bytes:
    return image[:450] + b"\xee" + image[451:462] + bytes(48) + image[510:]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda _image: b"", "no disk image"),
        (lambda _image: b"PK\3\4" + bytes(5000), "no disk image"),
        (cut, "too small: it has .* bytes, and its partitions end at"),
        (without_fat, "holds no FAT"),
        (without_ext4, "holds no ext4"),
        (with_damaged_root, "system partition"),
        (with_one_partition, "expected two partitions, FAT and Linux .* found 0x0c"),
        (with_gpt, "found GPT"),
        (lambda image: lzma.compress(image, preset=0)[:4000], "damaged or incomplete"),
        (lambda image: lzma.compress(image, preset=0)[:3000] + bytes(9000), "damaged"),
        (lambda image: gzip.compress(image, 1)[:-5000], "damaged or incomplete"),
    ],
    ids=["empty", "zip", "cut", "no-fat", "no-ext4", "bad-root", "one-partition", "gpt",
         "cut-xz", "bad-xz", "cut-gz"],
)  # fmt: skip
def test_what_is_no_whole_image_is_refused(
    made: Callable[[bytes], bytes],
    expected: str,
    images: dict[str, Path],
    payload: Callable[[ImageSystem], Path],
    tmp_path: Path,
) -> None:
    image, folder = tmp_path / "bad.img", tmp_path / "out"
    folder.mkdir()
    image.write_bytes(made(images["trixie"].read_bytes()))
    with pytest.raises(MaskGateError, match=expected) as refusal:
        prepare_image(image, folder / "out.img", payload, device(), profile())
    assert "\n" not in str(refusal.value)
    assert str(image) in str(refusal.value)
    assert list(folder.iterdir()) == []


def test_a_system_partition_that_is_damaged_anywhere_is_refused(
    payload: Callable[[ImageSystem], Path], tmp_path: Path
) -> None:
    image = write_image(tmp_path / "bad.img")
    # A file that nobody reads here, whose place counts as free.
    call("debugfs", "-w", "-R", "freei /etc/rpi-issue", f"{image}?offset={ROOT_START}")
    with pytest.raises(MaskGateError, match="its system partition is damaged"):
        prepare_image(image, tmp_path / "out.img", payload, device(), profile())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.img", "payload.tar"]


TRIXIE_ONLY = profile(os=profile().os[1:])


@pytest.mark.parametrize(
    ("root", "fitting", "expected"),
    [
        ({"etc/fstab": b"none"}, profile(), "no Linux system"),
        (root_files("trixie", ARM), profile(), "is for armv7l, expected aarch64"),
        (root_files("trixie", X86_64), profile(), "is for x86_64, expected aarch64"),
        (
            {**root_files("trixie"), "usr/bin/python3.13": b"#!/bin/sh"},
            profile(),
            "unknown processor",
        ),
        (
            {"usr/lib/os-release": root_files("trixie")["usr/lib/os-release"]},
            profile(),
            "has no Python",
        ),
        (
            root_files("bookworm"),
            TRIXIE_ONLY,
            "raspios-bookworm, Python 3.11",
        ),
        (
            {name: text for name, text in root_files("trixie").items() if name != "etc/rpi-issue"},
            profile(),
            "debian-trixie",
        ),
        (root_files("trixie"), profile(os=()), "no image is made for it"),
    ],
    ids=["no-system", "armv7", "x86", "no-elf", "no-python", "bookworm", "debian", "generic"],
)
def test_a_system_that_the_profile_does_not_fit_is_refused(
    root: dict[str, bytes],
    fitting: Profile,
    expected: str,
    payload: Callable[[ImageSystem], Path],
    tmp_path: Path,
) -> None:
    image = write_image(tmp_path / "other.img", root=root)
    with pytest.raises(MaskGateError, match=expected):
        prepare_image(image, tmp_path / "out.img", payload, device(), fitting)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other.img", "payload.tar"]


def test_a_payload_that_does_not_fit_is_refused(images: dict[str, Path], tmp_path: Path) -> None:
    tar = tmp_path / "payload.tar"
    with tar.open("wb") as file:
        file.truncate(BOOT_SIZE)
    with pytest.raises(MaskGateError, match=r"bytes free, 8,\d{3},\d{3} and some room are"):
        prepare_image(images["trixie"], tmp_path / "out.img", lambda _: tar, device(), profile())
    assert [file.name for file in tmp_path.iterdir()] == ["payload.tar"]


@pytest.mark.parametrize("missing", ["cmdline.txt", "config.txt"])
def test_an_image_without_a_pis_boot_files_is_refused(
    missing: str, payload: Callable[[ImageSystem], Path], tmp_path: Path
) -> None:
    files = boot_files("trixie")
    del files[missing]
    image = write_image(tmp_path / "other.img", boot=files)
    with pytest.raises(MaskGateError, match=f"has no {missing}"):
        prepare_image(image, tmp_path / "out.img", payload, device(), profile())


def test_an_image_is_never_written_over_itself(
    images: dict[str, Path], payload: Callable[[ImageSystem], Path]
) -> None:
    before = digest(images["trixie"])
    with pytest.raises(MaskGateError, match="name another"):
        prepare_image(images["trixie"], images["trixie"], payload, device(), profile())
    assert digest(images["trixie"]) == before


def test_what_cannot_be_read_or_written_is_said(
    images: dict[str, Path], payload: Callable[[ImageSystem], Path], tmp_path: Path
) -> None:
    with pytest.raises(MaskGateError, match=r"none\.img: it cannot be read"):
        prepare_image(tmp_path / "none.img", tmp_path / "out.img", payload, device(), profile())
    with pytest.raises(MaskGateError, match="it cannot be written"):
        prepare_image(images["trixie"], tmp_path / "no/out.img", payload, device(), profile())


MAKE = """
import sys
from pathlib import Path
from edge.errors import MaskGateError
from firmware_config.profile import Profile
from firmware_config.image import prepare_image
from tests.raspios import device, profile
image, out, tar = map(Path, sys.argv[1:])
try:
    prepare_image(image, out, lambda _system: tar, device(), profile())
except MaskGateError as error:
    sys.exit(str(error))
"""


def test_a_full_disk_leaves_nothing_behind(
    images: dict[str, Path], payload: Callable[[ImageSystem], Path], tmp_path: Path
) -> None:
    """The limit on a file's size stands for it: writing fails at the same places."""
    folder = tmp_path / "out"
    folder.mkdir()
    tar = payload(system_of(images["trixie"]))
    limit = f'ulimit -f {BOOT_START // 1024 + 100}; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limit}", "-", sys.executable, "-c", MAKE,
         images["trixie"], folder / "out.img", tar],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "make room, or name another OUT" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []
