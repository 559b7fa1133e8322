#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# settings.sh [GUEST...]: the configuration drive and the metadata service, read by the
# cloud-init of these guests, and by what reads such a drive elsewhere
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires xorriso blkid debugfs openssl python3 curl

here=$(dirname "$0")
words=(forced=1 'password=Imgport-2026' 'ssh-key=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE me@here'
    user-data=$'#cloud-config\nlocale: false\n')
drive=$work/drive.iso
"$SETTINGSCAT" "${words[@]}" drive "$drive" || exit 1

# ---- the drive

xorriso -indev "$drive" -find / -exec lsdl -- >"$work/list" 2>/dev/null
xorriso -osirrox on -indev "$drive" -extract / "$work/tree" >"$work/log" 2>&1 ||
    { cat "$work/log"; exit 1; }
chmod -R u+w "$work/tree"

case_ 'blkid finds it by its label' same label config-2 "$(blkid -p -o value -s LABEL "$drive")"
case_ 'and takes it for a CD-ROM' same type iso9660 "$(blkid -p -o value -s TYPE "$drive")"
case_ 'its files are for root alone' matches "$work/list" \
    '^-r-------- +1 0 +0 .*/openstack/latest/vendor_data.json'
case_ 'its folders too' matches "$work/list" '^dr-x------ +1 0 +0 .*/openstack/latest.?$'
joliet() {
    xorriso -read_fs norock -indev "$drive" -find / 2>/dev/null >"$work/joliet"
    matches "$work/joliet" '/openstack/latest/meta_data.json' &&
        matches "$work/joliet" '/qcloud_action/os.conf'
}
case_ 'Windows sees the same names' joliet

# As the guide of the vendor has it, line by line.
conf=$work/tree/qcloud_action/os.conf
as_the_guide() (
    set -eu
    passwd_line=$(grep password "$conf")
    passwd=${passwd_line#*=}
    # shellcheck source=/dev/null
    set +u && . "$conf"
    # shellcheck disable=SC2154
    same values 'vm-10-0-2-77 10.0.2.77 255.255.255.0 10.0.2.2 52:54:00:BF:B3:51 10.0.2.3 10.0.2.4' \
        "$hostname $eth0_ip_addr $eth0_netmask $eth0_gateway $eth0_mac_addr $dns_nameserver"
    salt=${passwd#\$6\$}
    same hash "$(openssl passwd -6 -salt "${salt%%\$*}" Imgport-2026)" "$passwd"
)
case_ 'os.conf, by the script of the guide; the hash, by OpenSSL' as_the_guide

# ---- cloud-init

mkdir "$work/folder"
"$SETTINGSCAT" "${words[@]}" serve "$work/folder" >"$work/ready" 2>"$work/serve.err" &
server=$!
cleanup_fn kill "$server"
for _ in $(seq 100); do
    [ ! -s "$work/ready" ] || break
    sleep 0.1
done
socket=$work/folder/metadata.sock

ask() { curl -sS --unix-socket "$socket" "http://metadata.tencentyun.com$1"; }
case_ 'curl: an id' same id ins-3g445roi "$(ask /latest/meta-data/instance-id)"
case_ 'curl: user data' same data $'#cloud-config\nlocale: false' "$(ask /latest/user-data)"

# The guests have Python's modules of their release; all that matters is written in Python.
[ $# -gt 0 ] || set -- good trixie
for guest; do
    mkdir "$work/$guest"
    disk=$(guest "$guest") || exit 1
    for path in /usr/lib/python3/dist-packages /etc/cloud; do
        debugfs -R "rdump $path $work/$guest" "$disk?offset=1048576" >"$work/log" 2>&1
    done
    case_ "cloud-init of $guest" python3 "$here/settings.py" "$work/$guest/dist-packages" \
        "$work/tree" "$socket"
done
finish
