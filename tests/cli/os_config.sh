#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# os_config.sh: what the service of forced images writes, in systems of several kinds
#
# Each system is a folder with the few files that tell its kind; in a real one it starts in
# tests/instance/settings.sh.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires dash awk cksum xorriso

script=$top/dist/os-config/imgport-os-config
"$SETTINGSCAT" forced=1 'password=Imgport-2026' 'ssh-key=ssh-ed25519 AAAA me@here' drive \
    "$work/drive.iso" || exit 1
xorriso -osirrox on -indev "$work/drive.iso" -extract / "$work/drive" >"$work/log" 2>&1 || exit 1
chmod -R u+w "$work/drive"
conf=$work/drive/qcloud_action/os.conf
hash=$(sed -n 's/^password=//p' "$conf")

# Passwords of a folder are not set without being root: what is asked of chpasswd counts.
mkdir "$work/bin"
printf '#!/bin/sh\necho "$*" >"%s/asked"\ncat >"%s/password"\n' "$work" "$work" >"$work/bin/chpasswd"
chmod +x "$work/bin/chpasswd"

# system NAME FILE...: a new one; its card is enp3s0, and there is another.
system() {
    local file
    root=$work/$1
    shift
    mkdir -p "$root/etc" "$root/root" "$root/var/lib" "$root"/sys/class/net/{lo,eth7,enp3s0}
    mkdir "$root"/sys/class/net/{eth7,enp3s0}/device
    echo 52:54:00:00:00:07 >"$root/sys/class/net/eth7/address"
    echo 52:54:00:bf:b3:51 >"$root/sys/class/net/enp3s0/address"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\told\n127.0.1.10\tother\n' >"$root/etc/hosts"
    for file; do
        mkdir -p "$root/${file%/*}"
        [ -d "$root/$file" ] || : >"$root/$file"
    done
}
# The script puts the usual folders before PATH.
apply() {
    sed "s|^PATH=|PATH=$work/bin:|" "$script" >"$work/script"
    dash "$work/script" -d "$work/drive" -r "$root" "$@"
}
# has FILE TEXT...: these lines, in this order.
has() {
    local file=$root/$1
    shift
    printf '%s\n' "$@" >"$work/want"
    diff "$work/want" "$file"
}
applied() { expect 0 apply && matches "$work/out" 'applied hostname=vm-10-0-2-77 ip=10.0.2.77 nic=enp3s0'; }

system debian etc/network/interfaces.d/ etc/hostname
cat >"$root/etc/network/interfaces" <<'END'
source /etc/network/interfaces.d/*

auto lo enp3s0
iface lo inet loopback

allow-hotplug enp3s0
iface enp3s0 inet dhcp
    # a comment of it
    mtu 1400
iface eth7 inet manual
END
printf 'auto enp3s0\niface enp3s0 inet dhcp\n' >"$root/etc/network/interfaces.d/50-cloud-init"
printf 'nameserver 192.0.2.1\nsearch example\n' >"$root/etc/resolv.conf"
case_ 'Debian' applied
case_ 'its interfaces' has etc/network/interfaces 'source /etc/network/interfaces.d/*' '' \
    'auto lo' 'iface lo inet loopback' '' 'iface eth7 inet manual' 'auto enp3s0' \
    'iface enp3s0 inet static' '    address 10.0.2.77' '    netmask 255.255.255.0' \
    '    gateway 10.0.2.2' '    dns-nameservers 10.0.2.3 10.0.2.4'
case_ 'what others had said of the card' same file '' "$(cat "$root/etc/network/interfaces.d/50-cloud-init")"
case_ 'its name' has etc/hostname vm-10-0-2-77
case_ 'its hosts' has etc/hosts '127.0.0.1	localhost' '127.0.1.1	vm-10-0-2-77' \
    '127.0.1.10	other'
case_ 'its resolver' has etc/resolv.conf 'nameserver 10.0.2.3' 'nameserver 10.0.2.4' 'search example'
case_ 'its keys' has root/.ssh/authorized_keys 'ssh-ed25519 AAAA me@here'
case_ 'its password' same password "root:$hash" "$(cat "$work/password")"
case_ 'as a hash, for that root' same asked "-e -R $root" "$(cat "$work/asked")"

echo changed >"$root/etc/hostname"
again() { expect 0 apply && matches "$work/out" 'nothing new' && has etc/hostname changed; }
case_ 'the next start changes nothing' again
forced() { expect 0 apply -f && has etc/hostname vm-10-0-2-77; }
case_ 'unless it is told to' forced
case_ 'and then nothing stands there twice' same stanzas 1 \
    "$(grep -c '^iface enp3s0' "$root/etc/network/interfaces")"

system redhat etc/sysconfig/network-scripts/ifup etc/sysconfig/network
echo 'HOSTNAME=old' >"$root/etc/sysconfig/network"
case_ 'Red Hat' applied
case_ 'its card' has etc/sysconfig/network-scripts/ifcfg-enp3s0 DEVICE=enp3s0 \
    HWADDR=52:54:00:bf:b3:51 ONBOOT=yes BOOTPROTO=none TYPE=Ethernet IPADDR=10.0.2.77 \
    NETMASK=255.255.255.0 GATEWAY=10.0.2.2 DNS1=10.0.2.3 DNS2=10.0.2.4
case_ 'its name' has etc/sysconfig/network HOSTNAME=vm-10-0-2-77

system ubuntu usr/sbin/netplan etc/netplan/
chmod +x "$root/usr/sbin/netplan"
case_ 'Ubuntu' applied
case_ 'its card' has etc/netplan/99-imgport.yaml network: '  version: 2' '  ethernets:' \
    '    enp3s0:' '      match: {macaddress: "52:54:00:bf:b3:51"}' '      dhcp4: false' \
    '      addresses: [10.0.2.77/24]' '      routes: [{to: 0.0.0.0/0, via: 10.0.2.2}]' \
    '      nameservers: {addresses: [10.0.2.3, 10.0.2.4]}'

system manager etc/NetworkManager/system-connections/
case_ 'NetworkManager' applied
case_ 'its card' matches "$root/etc/NetworkManager/system-connections/imgport.nmconnection" \
    '^address1=10.0.2.77/24,10.0.2.2$'
case_ 'for root alone' same mode 600 \
    "$(stat -c %a "$root/etc/NetworkManager/system-connections/imgport.nmconnection")"

system suse etc/sysconfig/network/config etc/HOSTNAME
case_ 'SUSE' applied
case_ 'its card' has etc/sysconfig/network/ifcfg-enp3s0 "STARTMODE='auto'" "BOOTPROTO='static'" \
    "IPADDR='10.0.2.77/24'"
case_ 'its route' has etc/sysconfig/network/ifroute-enp3s0 'default 10.0.2.2 - -'
case_ 'its name' has etc/HOSTNAME vm-10-0-2-77

system networkd etc/systemd/network/
case_ 'systemd' applied
case_ 'its card' has etc/systemd/network/01-imgport.network '[Match]' 'MACAddress=52:54:00:bf:b3:51' \
    '' '[Network]' 'Address=10.0.2.77/24' 'Gateway=10.0.2.2' 'DNS=10.0.2.3' 'DNS=10.0.2.4'

system strange
strange() {
    expect 1 apply && matches "$work/err" 'no program that I know' && has etc/hostname vm-10-0-2-77 &&
        [ ! -e "$root/var/lib/imgport-os-config/applied" ]
}
case_ 'a system of no kind: the rest is applied, and it is tried again' strange

# ---- a file that cannot be written, not even by root: a folder stands where it is made
system halfway etc/systemd/network/ etc/conf.d/hostname
mkdir "$root/etc/hostname.imgport-new"
halfway() {
    expect 1 apply && matches "$work/err" '/etc/hostname: could not be written' &&
        matches "$work/err" 'the next start tries again' &&
        has etc/conf.d/hostname 'hostname="vm-10-0-2-77"' &&
        [ ! -e "$root/var/lib/imgport-os-config/applied" ]
}
case_ 'a write that fails: the rest is applied' halfway
rmdir "$root/etc/hostname.imgport-new"
case_ 'the next start tries again' applied
case_ 'and writes it' has etc/hostname vm-10-0-2-77
mkdir "$root/etc/hostname.imgport-new"
case_ 'told to, and it fails' expect 1 apply -f
rmdir "$root/etc/hostname.imgport-new"
case_ 'what was applied before counts no more' applied

system unkept etc/systemd/network/ var/lib/imgport-os-config
unkept() { expect 1 apply && has etc/hostname vm-10-0-2-77; }
case_ 'no folder for what was applied: applied all the same, and not called so' unkept

# ---- host keys
# shellcheck disable=SC2016 # a script
printf '#!/bin/sh\necho "$*" >"%s/keygen"\n[ "$*" = "-A -f $ROOT" ] && : >"$ROOT/etc/ssh/ssh_host_rsa_key"\n' \
    "$work" >"$work/bin/ssh-keygen"
chmod +x "$work/bin/ssh-keygen"
keys() { rm -f "$work/keygen" && ROOT=$root expect 0 apply && matches "$work/out" "$1" && [ -e "$work/keygen" ]; }
no_keys() { rm -f "$work/keygen" && ROOT=$root expect 0 apply "$@" && [ ! -e "$work/keygen" ]; }
system ssh etc/systemd/network/ etc/ssh/
case_ 'host keys are made where there are none' keys applied
case_ 'and not where there are' no_keys -f
rm "$root/etc/ssh/ssh_host_rsa_key"
case_ 'also when nothing else is new' keys 'nothing new'
system no-ssh etc/systemd/network/
case_ 'a system without SSH gets none' no_keys

# ---- hostile values; each alone must do nothing
spoilt() {
    system "spoilt-$1" etc/systemd/network/
    printf '%s\n' "${@:3}" >"$conf"
    expect "$2" apply
    [ ! -e "$work/gone" ] && [ ! -e "$root/etc/systemd/network/01-imgport.network" ] &&
        [ ! -e "$root/etc/hostname" ]
}
rm -f "$work/drive/qcloud_action/authorized_keys"
case_ 'a host name that is a command' spoilt 1 0 "hostname=\$(touch $work/gone)"
case_ 'a host name that is an option' spoilt 2 0 'hostname=-F/etc/shadow'
case_ 'an address that is none' spoilt 3 0 'eth0_ip_addr=10.0.2.300' eth0_netmask=255.0.0.0 \
    eth0_mac_addr=52:54:00:BF:B3:51
case_ 'a card that is not there' spoilt 4 1 eth0_ip_addr=10.0.2.1 eth0_netmask=255.0.0.0 \
    eth0_mac_addr=52:54:00:00:00:99
case_ 'name servers that are files' spoilt 5 0 "dns_nameserver=\"/etc/*\""
case_ 'lines that are programs' spoilt 6 0 "touch $work/gone" "PATH=$work; touch $work/gone"
rm -f "$work/password"
case_ 'a password that is not hashed so' spoilt 7 0 'password=a:b'
case_ 'is not set' expect 1 cat "$work/password"
# shellcheck disable=SC2016 # a hash
printf 'hostname="quoted-1"\r\npassword=$6$a$b' >"$conf"
system quoted
# shellcheck disable=SC2016
quoted() { expect 0 apply && has etc/hostname quoted-1 && same password 'root:$6$a$b' "$(cat "$work/password")"; }
case_ 'quotes, CR LF, and no end of the last line' quoted
rm "$conf"
without() { expect 0 apply && matches "$work/out" 'has no qcloud_action/os.conf'; }
case_ 'a drive without os.conf' without
finish
