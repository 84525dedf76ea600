"""A system that is not written to: what makes it so, on a copy of this machine's own."""

import subprocess
from pathlib import Path

import pytest

from firmware_config.installer.system_files import mode_of
from firmware_config.profile import load_profile
from firmware_config.system_files import system_files
from tests.over_this_system import needs_overlay, run_over_this_system

FOLDER = Path(__file__).parents[1] / "firmware_config/read_only"
UNIT = "etc/systemd/system/maskgate-read-only.service"
SCRIPT = "usr/local/lib/maskgate/read-only.sh"
WRITE = "usr/local/sbin/maskgate-write"
DROP_IN = "etc/systemd/system/sysinit.target.d/maskgate.conf"
CLOUD_INIT = "etc/systemd/system/cloud-.service.d/maskgate.conf"
JOURNAL = "etc/systemd/journald.conf.d/90-maskgate.conf"
# Early in the boot of a device that was set up: mounts are shared, as systemd has them, and systemd
# answers that it has not started yet.
READY = """
mount --make-rshared /
mount -t tmpfs none /run; mkdir -p /opt/maskgate/releases/a /var/lib/maskgate /var/log/own
mkdir -p /usr/local/lib/maskgate; cp /boot/firmware/given/read-only.sh /usr/local/lib/maskgate
cp /boot/firmware/given/maskgate-write.sh /usr/local/sbin/maskgate-write
chmod 755 /usr/local/sbin/maskgate-write
ln -s releases/a /opt/maskgate/current; touch /opt/maskgate/releases/a/healthy
echo waiting >/var/lib/maskgate/outbox; echo old >/var/log/own/log; echo one >/var/lib/state
mount --bind /boot/firmware/tmp /tmp; umount /tmp
printf '#!/bin/sh\\nexit 3\\n' >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl
PATH=/usr/local/sbin:/usr/local/bin:$PATH
"""
PROTECT = "sh /usr/local/lib/maskgate/read-only.sh"


def run(boot: Path, commands: str) -> subprocess.CompletedProcess[str]:
    given = boot / "given"
    given.mkdir(exist_ok=True)
    (boot / "tmp").mkdir(exist_ok=True)
    for file in FOLDER.iterdir():
        (given / file.name).write_bytes(file.read_bytes())
    return run_over_this_system(boot, READY + commands)


def test_a_profile_that_asks_for_it_brings_all_of_it() -> None:
    profile = load_profile("pi5")
    boot = profile.boot.model_copy(update={"read_only_root": True, "journal_in_memory": False})
    before = system_files(profile)
    files = system_files(profile.model_copy(update={"boot": boot}))
    assert set(files) - set(before) == {UNIT, SCRIPT, WRITE, DROP_IN, CLOUD_INIT}
    assert f"ExecStart=/bin/sh /{SCRIPT}" in files[UNIT].decode().splitlines()
    assert "Wants=maskgate-read-only.service" in files[DROP_IN].decode().splitlines()
    assert "Storage=volatile" in files[JOURNAL].decode().splitlines()
    assert [oct(mode_of(files[name])) for name in (UNIT, WRITE)] == ["0o644", "0o755"]


def test_systemd_takes_the_unit() -> None:
    words = ["systemd-analyze", "verify", "--man=no", FOLDER / "maskgate-read-only.service"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("systemd-analyze is not installed")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("script", ["read-only.sh", "maskgate-write.sh"])
def test_the_scripts_are_sound(script: str) -> None:
    subprocess.run(["sh", "-n", FOLDER / script], check=True)
    try:
        subprocess.run(["shellcheck", FOLDER / script], check=True)
    except FileNotFoundError:
        pytest.skip("shellcheck is not installed")


@needs_overlay
def test_the_system_refuses_what_the_outbox_takes(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        f"""{PROTECT}
        for place in / /etc /usr /opt/maskgate /home /boot/firmware /var/lib/dpkg; do
            touch $place/here 2>/dev/null && echo written: $place
        done
        for place in /tmp /var/tmp /var/log/own /var/lib /var/lib/maskgate; do
            touch $place/here || echo refused: $place
        done
        cat /var/lib/maskgate/outbox /var/lib/state; ls /var/log/own
        stat -c '%a %U' /tmp /var /var/log; ls -A /run/maskgate-read-only/*""",
    )
    assert done.stdout.splitlines() == [
        "the system is read-only",
        *("waiting", "one", "here"),
        *("1777 root", "755 root", "755 root"),
        *("/run/maskgate-read-only/maskgate-write", "/run/maskgate-read-only/on"),
        *("", "/run/maskgate-read-only/memory:", "", "/run/maskgate-read-only/var:"),
    ], done.stderr


@needs_overlay
def test_what_must_last_is_on_the_disk_and_the_rest_in_memory(tmp_path: Path) -> None:
    """What the disk has is seen by the one command that may write to it."""
    done = run(
        tmp_path,
        f"""rm -r /var/lib/maskgate; {PROTECT}
        for name in maskgate/alert systemd/clock other; do echo new >/var/lib/$name; done
        maskgate-write sh -c 'cd /var/lib; ls maskgate/alert systemd/clock other /var/log/own'""",
    )
    assert done.stdout.splitlines()[1:] == [
        *("maskgate/alert", "systemd/clock"),
        *("", "/var/log/own:", "log"),
    ]


@needs_overlay
def test_one_command_may_write_and_nothing_is_writable_after_it(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        f"""{PROTECT}
        maskgate-write sh -c 'echo 1 >/etc/one; echo 2 >/boot/firmware/two; echo 3 >/var/lib/dpkg/x
            echo 4 >/var/lib/maskgate/outbox; rm /var/lib/state; kill -9 $$'
        cat /etc/one /boot/firmware/two /var/lib/dpkg/x /var/lib/maskgate/outbox
        for place in / /etc /boot/firmware /var/lib/dpkg; do
            touch $place/here 2>/dev/null && echo written: $place
        done
        maskgate-write sh -c 'exit 7'; echo $?""",
    )
    assert done.stdout.splitlines()[1:] == ["1", "2", "3", "4", "7"], done.stderr


@needs_overlay
def test_on_a_writable_system_the_command_just_runs(tmp_path: Path) -> None:
    done = run(tmp_path, "maskgate-write sh -c 'echo $0 $1; touch /etc/here' a 'b c' && echo done")
    assert done.stdout.splitlines() == ["a b c", "done"], done.stderr


@needs_overlay
def test_a_partition_of_its_own_keeps_the_outbox(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        f"""mount -t tmpfs data /var/lib/maskgate; mkdir '/var/lib/a b'
        mount -t tmpfs -o size=1m more '/var/lib/a b'; {PROTECT}
        df --output=source /var/lib/maskgate '/var/lib/a b' | tail -n 2""",
    )
    assert done.stdout.splitlines() == ["the system is read-only", "data", "more"], done.stderr


@needs_overlay
@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("printf '#!/bin/sh\\nexit 0\\n' >/usr/local/bin/systemctl", "from the next start on"),
        ("rm /opt/maskgate/releases/a/healthy", "MaskGate has not run well here yet"),
        ("mkdir /boot/firmware/maskgate; touch /boot/firmware/maskgate/set-up.sh", "not yet set"),
        ("mkdir -p /var/lib/cloud/instance", "cloud-init is not done yet"),
    ],
)
def test_nothing_changes_before_its_time(tmp_path: Path, state: str, why: str) -> None:
    done = run(
        tmp_path,
        f"""{state}; cp /proc/self/mounts /before; {PROTECT}; echo $?
        cmp /before /proc/self/mounts && touch /etc/here && echo writable""",
    )
    assert done.stdout.startswith("not read-only: "), done.stderr
    assert why in done.stdout
    assert done.stdout.splitlines()[1:] == ["0", "writable"]


@needs_overlay
def test_an_update_that_was_cut_off_is_no_reason_to_be_writable(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        f"""mkdir /opt/maskgate/releases/b; ln -sfn releases/b /opt/maskgate/current
        ln -s releases/a /opt/maskgate/previous; {PROTECT}""",
    )
    assert done.stdout == "the system is read-only\n", done.stderr


@needs_overlay
@pytest.mark.parametrize(
    "broken", ["mount -t overlay", "mount -o remount,bind,ro /$", "tar", "mount --bind"]
)
def test_what_cannot_be_done_leaves_all_as_it_was(tmp_path: Path, broken: str) -> None:
    tool = broken.partition(" ")[0]
    (tmp_path / tool).write_text(
        f"#!/bin/sh\necho {tool} \"$@\" | grep -q '^{broken}' && exit 32\n"
        f'exec /usr/bin/{tool} "$@"\n'
    )
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    done = run(
        tmp_path,
        f"""cp /boot/firmware/{tool} /boot/firmware/sleep /usr/local/bin
        chmod 755 /usr/local/bin/{tool} /usr/local/bin/sleep
        cut -d' ' -f1-3 /proc/self/mounts >/before; {PROTECT}; echo $?
        cut -d' ' -f1-3 /proc/self/mounts | diff /before - &&
            touch /etc/here /var/lib/here /boot/firmware/here && echo writable""",
    )
    assert done.stdout.splitlines()[-1] == "writable", done.stdout + done.stderr
    assert done.stdout.splitlines()[0] != "0"
    assert "the system stays writable" in done.stderr


@needs_overlay
@pytest.mark.parametrize(
    ("text", "link"),
    [("# Generated by NetworkManager", "../run/NetworkManager/resolv.conf"), ("# mine", "")],
)
def test_the_networks_name_servers_are_found_where_they_can_be_written(
    tmp_path: Path, text: str, link: str
) -> None:
    done = run(
        tmp_path,
        f"rm -f /etc/resolv.conf; echo '{text}' >/etc/resolv.conf; {PROTECT}\n"
        "readlink /etc/resolv.conf || cat /etc/resolv.conf",
    )
    assert done.stdout.splitlines()[1:] == [link or text], done.stderr
