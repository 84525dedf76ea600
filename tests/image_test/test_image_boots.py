"""From an image to the first alert and on: a flashed device, in a machine that emulates one.

The tests build on each other, in their order: one first boot takes minutes.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image_test import site as sites
from tests.image_test.image import image
from tests.image_test.machine import Machine, machine
from tests.image_test.site import DEVICE, IS_READ_ONLY, Site
from tests.image_test.street import street
from tests.image_test.tools import need_tools
from tests.image_test.tree import kernel, tree

CACHE = Path.home() / ".cache" / "maskgate" / "trees"
FIRST_BOOT = 1800
"""Seconds until the first alert, at most: emulated, on a machine that does something else, too."""
REBOOT = 900
RECOVERY = 600
ALERT = 600
MOST_EXPOSURE = 2.0
ENOUGH = 2
"""Alerts that wait when the power is cut."""
WRITE_EVERYWHERE = """
sudo sh -s <<'END'
for place in /etc /home /usr /opt/maskgate /etc/maskgate /boot/firmware /var/lib/dpkg; do
    touch $place/here 2>/dev/null || echo refused: $place
done
touch /tmp/here /var/tmp/here /var/log/here /var/lib/here /var/lib/maskgate/here
rm /var/lib/maskgate/here
END
"""

pytestmark = [pytest.mark.image, pytest.mark.timeout(FIRST_BOOT + REBOOT + ALERT)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, whose broker runs with the files that were made for it."""
    need_tools()
    with street() as port, sites.site(tmp_path_factory.mktemp("site"), port) as made:
        made.flash("broker", "--fleet", "fleet.toml", "--out", "broker")
        made.open_broker()
        yield made


@pytest.fixture(scope="module")
def device(site: Site) -> Iterator[Machine]:
    """The device, flashed and switched on for the first time."""
    root = tree(CACHE)
    blank, card = image(root, CACHE), site.folder / "card.img"
    site.flash("image", blank, "--out", card, "--fleet", "fleet.toml", "--device", DEVICE)
    with machine(card, kernel(root), site.folder) as made:
        made.switch_on()
        yield made
    card.unlink()


def test_a_flashed_image_sets_itself_up_and_alerts(site: Site, device: Machine) -> None:
    online = device.wait(lambda: "online" in site.statuses(), FIRST_BOOT, "it says online")
    # It may have to start again first, to be read-only.
    alert = device.wait(lambda: bool(site.alerts()), REBOOT + ALERT, "the first alert")
    print(f"\nfirst boot: online after {online:.0f} s, the first alert after {alert:.0f} s")
    first = json.loads(site.listeners[0].payloads("alert")[0])
    assert first["source"] == f"/maskgate/hq/{DEVICE}"
    assert first["data"]["kind"] == "face_no_mask"
    assert first["data"]["state"] == "opened"
    # By TLS, for the broker speaks nothing else, and as itself.
    assert f"as maskgate-hq-{DEVICE} (" in site.broker_log()
    assert f"u'{DEVICE}'" in site.broker_log()


def test_set_up_it_starts_again_and_is_not_written_to(site: Site, device: Machine) -> None:
    took = device.wait(lambda: site.is_read_only(device), REBOOT, "a read-only system", pause=5)
    print(f"\nread-only {took:.0f} s after it was switched on")
    said = site.run(device, WRITE_EVERYWHERE)
    assert said.splitlines() == ["refused: /etc", "refused: /home", "refused: /usr",
                                 "refused: /opt/maskgate", "refused: /etc/maskgate",
                                 "refused: /boot/firmware", "refused: /var/lib/dpkg"]  # fmt: skip
    # One command may, and nothing is writable after it, though it was killed.
    write = "sudo maskgate-write sh -c 'echo 1 >/etc/one; kill -9 $$'"
    said = site.run(device, f"{write}; cat /etc/one; {IS_READ_ONLY}")
    assert said.splitlines() == ["1", "yes"]
    # Nothing of the system fails for it: not its clock, its network, its log, nor cloud-init.
    assert site.run(device, "systemctl --failed --plain --no-legend") == ""


def test_nothing_of_the_setting_up_is_left(site: Site, device: Machine) -> None:
    look = (
        "sudo find /boot/firmware /etc/systemd/system /var/lib -path /var/lib/cloud -prune "
        "-o -name 'maskgate*' -print"
    )
    left = {
        "/var/lib/maskgate",
        "/etc/systemd/system/maskgate.service",
        "/etc/systemd/system/maskgate-read-only.service",
        "/etc/systemd/system/cloud-.service.d/maskgate.conf",
        "/etc/systemd/system/sysinit.target.d/maskgate.conf",
        "/etc/systemd/system/multi-user.target.wants/maskgate.service",
    }
    assert set(site.run(device, look).split()) == left


def test_nobody_logs_in_by_a_password(site: Site, device: Machine) -> None:
    said = site.run(device, "sudo cut -d: -f1,2 /etc/shadow; sudo /usr/sbin/sshd -T")
    passwords = re.findall(r"^[a-z_][a-z0-9_-]*:[^*!\n].*$", said, re.MULTILINE)
    assert passwords == []
    assert "passwordauthentication no" in said


def test_the_service_is_sandboxed(site: Site, device: Machine) -> None:
    said = site.run(device, "systemd-analyze security --no-pager maskgate.service | tail -n 1")
    found = re.search(r"Overall exposure level for maskgate.service: (\d+\.\d)", said)
    assert found, said
    assert float(found[1]) <= MOST_EXPOSURE
    said = site.run(device, "systemctl show maskgate -p MainPID,User,NRestarts,SubState,Result")
    assert "User=maskgate\n" in said
    assert "SubState=running" in said
    assert "NRestarts=0" in said
    owner = site.run(device, "ps -o user= -p $(systemctl show maskgate -P MainPID)")
    assert owner.strip() == "maskgate"


def test_the_watchdog_ends_a_hang_and_the_device_recovers(site: Site, device: Machine) -> None:
    before = len(site.statuses())
    site.run(device, "sudo systemctl kill --signal=STOP maskgate")
    device.wait(lambda: "offline" in site.statuses()[before:], RECOVERY, "the last will")
    device.wait(lambda: site.statuses()[-1] == "online", RECOVERY, "online again")
    said = site.run(device, "sudo journalctl --no-pager -u maskgate; systemctl show maskgate")
    assert "Watchdog timeout" in said
    assert "NRestarts=1" in said


def test_a_power_cut_loses_no_alert(site: Site, device: Machine) -> None:
    site.broker.stop()
    waiting: list[str] = []

    def enough_wait() -> bool:
        waiting[:] = site.waiting(device)
        return len(waiting) >= ENOUGH

    device.wait(enough_wait, ALERT, f"{ENOUGH} alerts in the outbox", pause=15)
    device.cut_power()
    assert not set(waiting) & set(site.alerts())
    device.switch_on()
    site.broker.start()
    again = device.wait(lambda: set(waiting) <= set(site.alerts()), REBOOT, "what had waited")
    print(f"\npower cut: {len(waiting)} alerts waited, the last of them came after {again:.0f} s")
    first_come = list(dict.fromkeys(came for came in site.alerts() if came in waiting))
    assert first_come == waiting
    assert site.is_read_only(device)
