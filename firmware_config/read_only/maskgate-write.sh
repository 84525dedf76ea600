#!/bin/sh
# Runs a command, or a shell, that may write to a system that is read-only for all others:
#
#     sudo maskgate-write apt upgrade
#
# The command has a view of the mounts of its own, which ends with it, however it ends. So there is
# nothing that would have to be made read-only again. Services have no part in it: what they are
# asked to write (nmcli, timedatectl) they cannot.
set -eu
[ $# -gt 0 ] || set -- "${SHELL:-/bin/sh}"
if [ "${MASKGATE_WRITES-}" != inside ]; then
    [ ! -w / ] || exec "$@"
    export MASKGATE_WRITES=inside
    exec unshare --mount --propagation private -- /bin/sh "$0" "$@"
fi
unset MASKGATE_WRITES
case $(findmnt --noheadings --mountpoint /var --output SOURCE) in
*maskgate*) umount --lazy /var ;;
esac
for place in / /boot/firmware; do
    ! mountpoint --quiet "$place" || mount -o remount,bind,rw "$place"
done
if ! [ -w / ]; then
    echo "/: the disk itself is read-only, not by MaskGate; dmesg says why" >&2
    exit 2
fi
exec "$@"
