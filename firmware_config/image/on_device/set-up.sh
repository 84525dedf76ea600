#!/bin/bash
# Sets MaskGate up on the device that this card is for. `prepare`, early in the boot, has systemd
# run `install` when there is a network: at this boot (or the next: `prepare later`), and at the
# following ones until it has worked.
set -u -o pipefail
boot=/boot/firmware
here=$boot/maskgate
place=/var/lib/maskgate-install
unit=maskgate-install.service

prepare() {
    # The radio stays off until a country is set, which cmdline.txt does.
    if grep -q cfg80211.ieee80211_regdom= "$boot/cmdline.txt"; then
        for state in /var/lib/systemd/rfkill/*:wlan; do
            [ ! -e "$state" ] || echo 0 >"$state"
        done
        [ ! -e /dev/rfkill ] || rfkill unblock wifi
    fi
    install -m 644 "$here/$unit" "/etc/systemd/system/$unit"
    systemctl enable "$unit" ssh systemd-timesyncd
}

install_payload() {
    umask 077
    rm -rf "$place"
    mkdir -m 700 "$place" &&
        tar --extract --file "$here/payload.tar" --directory "$place" --no-same-owner &&
        cd "$place" &&
        # Whoever looks at the card finds here how far it came.
        python3 install.py install 2>&1 | tee "$here/install.log"
}

# What is secret goes first; this script last, so that a power cut before it has all of it done.
tidy_up() {
    rm -f "$here/payload.tar"
    rm -rf "$place"
    if [ -e "$boot/network-config.before" ]; then
        mv -f "$boot/network-config.before" "$boot/network-config"
    fi
    systemctl disable "$unit"
    rm -f "/etc/systemd/system/$unit"
    sync
    rm -rf "$here"
    sync
    restart_read_only
}

# A system that is to be read-only is so from the next start on: not the first power cut's.
restart_read_only() {
    [ -x /usr/local/sbin/maskgate-write ] || return 0
    systemd-run --no-block --collect --unit=maskgate-restart \
        --property=Type=oneshot --property=After=cloud-final.service systemctl reboot
}

case "${1-}" in
prepare)
    prepare
    [ "${2-}" = later ] || { systemctl daemon-reload; systemctl start --no-block "$unit" ssh; }
    ;;
install)
    cd /
    [ ! -e "$here/payload.tar" ] || (install_payload) || exit
    tidy_up
    ;;
*)
    echo "usage: $0 prepare [later] | install" >&2
    exit 2
    ;;
esac
exit
