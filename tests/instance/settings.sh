#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# settings.sh SETTINGSCAT HELPER [KIND...]: real guests that take their settings (a slow test)
#
#   drive      cloud-init from the configuration drive, with a static address
#   service    cloud-init from the metadata service, with the address by DHCP
#   forced     no cloud-init, but dist/os-config within, from the configuration drive
#
# Each starts emulated and tells what it has on its console: host name, hash, keys, address,
# and what the metadata service answers; the first also asks it far too much.  A minute each
# on a quiet machine.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-system-x86_64 qemu-img debugfs jq

settingscat=$1
helper=$2
shift 2
[ $# -gt 0 ] || set -- drive service forced

# Run in the guest.  The console has other things to say meanwhile, and lines of its own.
tell=$(
    cat <<'END'
{
    hostname
    getent shadow root | cut -d: -f2
    cat /root/.ssh/authorized_keys
    ip -4 -o addr show eth0 | sed 's/.*inet \([^ ]*\).*/address \1/'
    ip route show default | sed 's/ *$//'
    exec 3<>/dev/tcp/169.254.0.23/80
    printf 'GET /latest/meta-data/instance-id HTTP/1.0\r\n\r\n' >&3
    timeout 20 sed -n '$p' <&3
    echo
    exec 3<>/dev/tcp/169.254.169.254/80
    printf 'GET /latest/meta-data/uuid HTTP/1.0\r\n\r\n' >&3
    timeout 20 sed -n '$p' <&3
    echo
    too_much
    echo settled.
} 2>&1 | sed 's/^/told: /' >/dev/ttyS0
END
)
# A thousand requests as fast as they go, and one of 10 MB.
too_much=$(
    cat <<'END'
too_much() {
    python3 - <<'PYTHON'
import socket
def ask(data):
    got = b""
    s = socket.create_connection(("169.254.0.23", 80), 60)
    try:
        s.sendall(data)
    except OSError:
        pass
    try:
        while b"\r\n\r\n" not in got:
            piece = s.recv(65536)
            if not piece:
                break
            got += piece
    except OSError:
        pass
    s.close()
    return got[9:12].decode()
good = b"GET /latest/meta-data/instance-id HTTP/1.0\r\n\r\n"
print("answered", sum(ask(good) == "200" for _ in range(1000)))
print("large", ask(b"GET /" + b"a" * (10 << 20) + b" HTTP/1.0\r\n\r\n") in ("", "431"))
print("after", ask(good))
PYTHON
}
END
)
data() {
    printf '#cloud-config\nlocale: false\nruncmd:\n  - [bash, -c, %s]\n' \
        "$(printf '%s\n%s' "$1" "$tell" | jq -Rs .)"
}
none='too_much() { :; }'

# place FILE AT [MODE]: into the guest; its folder is there.
place() {
    printf 'cd %s\nrm %s\nwrite %s %s\nsif %s mode 0100%s\n' \
        "${2%/*}" "${2##*/}" "$1" "${2##*/}" "${2##*/}" "${3-644}"
}
forced_disk() {
    cp --sparse=always "$(guest no-cloud-init)" "$work/forced.raw" || return
    printf '%s\n' '[Unit]' 'After=multi-user.target network.target' '[Service]' 'Type=oneshot' \
        'ExecStart=/bin/bash /usr/sbin/tell' >"$work/tell.service"
    printf '%s\n' "$none" "$tell" >"$work/tell"
    {
        place "$top/dist/os-config/imgport-os-config" /usr/sbin/imgport-os-config 755
        place "$top/dist/os-config/imgport-os-config.service" /etc/systemd/system/imgport-os-config.service
        place "$work/tell" /usr/sbin/tell 755
        place "$work/tell.service" /etc/systemd/system/tell.service
        echo 'cd /etc/systemd/system/multi-user.target.wants'
        echo 'symlink imgport-os-config.service /etc/systemd/system/imgport-os-config.service'
        echo 'symlink tell.service /etc/systemd/system/tell.service'
    } >"$work/commands"
    debugfs -w -f "$work/commands" "$work/forced.raw?offset=1048576" >"$work/debugfs" 2>&1
    echo "$work/forced.raw"
}

# starts KIND BASE WORD...
starts() {
    local kind=$1 base=$2 password=Imgport-$RANDOM
    shift 2
    qemu-img create -q -f qcow2 -b "$base" -F raw "$work/$kind.qcow2" 4G
    if ! "$settingscat" hostname="vm-$kind" password="$password" \
        "ssh-key=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE $kind@here" "$@" \
        boot "$work/$kind" "$helper" "$work/$kind.qcow2" "$base"; then
        tail -c 4000 "$work/$kind/serial.log"
        return 1
    fi
    rm -f "$work/$kind.qcow2"
    tr -d '\r' <"$work/$kind/serial.log" | sed -n 's/.*told: //p' >"$work/told"
    {
        read -r name
        read -r hash
        mapfile -t rest
    } <"$work/told"
    local salt=${hash#\$6\$}
    same 'host name' "vm-$kind" "$name" &&
        same hash "$(openssl passwd -6 -salt "${salt%%\$*}" "$password")" "$hash" &&
        same 'the rest' "$(printf '%s\n' "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE $kind@here" \
            'address 10.0.2.77/24' "$route" ins-3g445roi 1b4e28ba-2fa1-11d2-883f-0016d3cca427)
${more%.}settled." "$(printf '%s\n' "${rest[@]}")"
}

good=$(guest good) || exit 1
for kind; do
    route='default via 10.0.2.2 dev eth0 onlink' more=.
    case $kind in
    drive)
        more=$(printf '%s\n' 'answered 1000' 'large True' 'after 200' .)
        case_ 'cloud-init takes them from the drive' starts drive "$good" \
            "user-data=$(data "$too_much")"
        ;;
    service)
        # No route but to the network itself: nothing else can be reached.
        route='default via 10.0.2.2 dev eth0'
        case_ 'cloud-init takes them from the metadata service' starts service "$good" \
            "user-data=$(data "$none")" dhcp=1 drive=0
        ;;
    forced)
        base=$(forced_disk) || exit 1
        case_ 'a forced image takes them by its own service' starts forced "$base" forced=1
        ;;
    esac
done
finish
