#!/bin/sh
# Makes this card's system the one of its device, then starts it again. systemd runs it once, as
# cmdline.txt says; what fails is told in firstrun.log beside it, and the rest is done.
hostname='' user='' timezone=''
# VALUES
boot=/boot/firmware
here=$boot/maskgate
exec >"$boot/firstrun.log" 2>&1
set -x

echo "$hostname" >/etc/hostname
sed -i '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts
printf '127.0.1.1\t%s\n' "$hostname" >>/etc/hosts

# The user that the image brings gets this name; nobody is logged in without being asked.
rm -f /var/lib/userconf-pi/autologin
if [ -x /usr/lib/userconf-pi/userconf ]; then
    /usr/lib/userconf-pi/userconf "$user" '*'
fi
id "$user" || useradd --create-home --shell /bin/bash "$user"
usermod --password '*' "$user"
for group in adm netdev sudo video; do
    usermod --append --groups "$group" "$user"
done
# Without a password there is none that sudo could ask for.
echo "$user ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/011_maskgate-admin
chmod 440 /etc/sudoers.d/011_maskgate-admin

home=$(getent passwd "$user" | cut -d: -f6)
group=$(id -gn "$user")
install -d -m 700 -o "$user" -g "$group" "$home/.ssh"
install -m 600 -o "$user" -g "$group" "$here/authorized_keys" "$home/.ssh/authorized_keys"

printf '%s\n' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no' 'PermitRootLogin no' \
    >/etc/ssh/sshd_config.d/10-maskgate.conf

if [ -e "$here/wifi.nmconnection" ]; then
    install -m 600 "$here/wifi.nmconnection" \
        /etc/NetworkManager/system-connections/maskgate.nmconnection
fi

if [ -n "$timezone" ] && [ -e "/usr/share/zoneinfo/$timezone" ]; then
    ln -sf "/usr/share/zoneinfo/$timezone" /etc/localtime
    echo "$timezone" >/etc/timezone
fi

bash "$here/set-up.sh" prepare later

# Last, so that a power cut before it has all of this done again.
sync
rm -f "$here/wifi.nmconnection" "$here/authorized_keys"
sed -i 's| systemd\.run[^ ]*||g; s| systemd\.unit=kernel-command-line\.target||' "$boot/cmdline.txt"
rm -f "$boot/firstrun.sh"
sync
exit 0
