#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# mend.sh: edits of a guest's disk, judged by the tools of its filesystem
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-img mkfs.ext4 e2fsck debugfs sfdisk cmp dd truncate jq python3 ntfsfix ntfscat ntfscp ntfsresize ntfsls

raw=$work/base.raw disk=$work/disk.qcow2 out=$work/out.raw tree=$work/tree
start=$((1024 * 1024))
dev="$out?offset=$start"

diskcat() { IMGPORT_ROOT=$(dirname "$IMGPORT") "$DISKCAT" "$@"; }

# A small root with all that an identity has.
mkdir -p "$tree"/{bin,sbin,etc/ssh,var/lib/{cloud/{instances/i-1/sem,seed/nocloud},dbus,systemd},var/log/{journal/0a,nginx},root,home/{ann,bob},data}
printf 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n' >"$tree/etc/os-release"
printf '#!/bin/sh\n' >"$tree/sbin/init"
cp "$tree/sbin/init" "$tree/bin/sh"
chmod 755 "$tree/sbin/init" "$tree/bin/sh"
echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id"
ln -s /etc/machine-id "$tree/var/lib/dbus/machine-id"
for kind in rsa ed25519; do
    echo secret >"$tree/etc/ssh/ssh_host_${kind}_key"
    echo public >"$tree/etc/ssh/ssh_host_${kind}_key.pub"
done
echo 'Port 22' >"$tree/etc/ssh/sshd_config"
echo seed >"$tree/var/lib/systemd/random-seed"
echo ran >"$tree/var/lib/cloud/instances/i-1/sem/config_ssh"
ln -s instances/i-1 "$tree/var/lib/cloud/instance"
echo mine >"$tree/var/lib/cloud/seed/nocloud/user-data"
head -c 300000 /dev/zero | tr '\0' x >"$tree/var/log/syslog"
echo old >"$tree/var/log/syslog.1"
echo older >"$tree/var/log/syslog.2.gz"
echo access >"$tree/var/log/nginx/access.log"
echo entry >"$tree/var/log/journal/0a/system.journal"
echo rm >"$tree/root/.bash_history"
echo ls >"$tree/home/ann/.bash_history"
echo ls >"$tree/home/bob/.zsh_history"
echo keep >"$tree/home/bob/notes"
ln -s missing "$tree/etc/link"
for i in $(seq 300); do echo "$i" >"$tree/data/a-file-with-quite-a-long-name-so-that-folders-need-more-blocks-$i"; done
cat >"$tree/etc/fstab" <<'END'
# what is mounted
UUID=6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a01 / ext4 errors=remount-ro 0 1
UUID=11111111-2222-3333-4444-555555555555 /data ext4 defaults 0 2
/dev/vdb1 none swap sw 0 0
tmpfs /tmp tmpfs defaults 0 0
/swapfile none swap sw 0 0
server:/export /mnt nfs defaults 0 0
LABEL=other /other xfs defaults 0 0
END

# image SIZE MKFS-OPTION...: one partition with the tree on it
image() {
    local size=$1
    shift
    rm -f "$raw" "$work/part"
    truncate -s "$size" "$work/part"
    mkfs.ext4 -q -F -U 6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a01 -d "$tree" "$@" "$work/part" &&
        truncate -s $((start + $(stat -c %s "$work/part"))) "$raw" &&
        printf '2048,,83,*\n' | sfdisk -q "$raw" &&
        dd if="$work/part" of="$raw" bs=1M seek=1 conv=notrunc,sparse status=none
}

# mended ANSWER EDIT...: makes the disk, and says what it reads as in $out
mended() {
    local answer=$1 got
    shift
    rm -f "$disk" "$out"
    cp --sparse=always "$raw" "$work/before.raw"
    got=$(diskcat make "$raw" 0 base.raw raw "$disk" "$@") || return
    cmp "$raw" "$work/before.raw" && qemu-img check -q "$disk" && qemu-img convert -O raw "$disk" "$out" || return
    got=${got#* }
    # shellcheck disable=SC2254
    case $got in
    $answer) ;;
    *) same answer "$answer" "$got" ;;
    esac
}

# Nothing of the disk changed.
untouched() { mended "$@" && qemu-img compare -q -f raw -F raw "$raw" "$out"; }

is_clean() { e2fsck -fn "$dev" >"$work/fsck" 2>&1 || { cat "$work/fsck" && false; }; }

in_guest() { debugfs -R "$1" "$dev" 2>/dev/null; }

reads() { same "$1" "$2" "$(in_guest "cat $1")"; }

gone() {
    local path
    for path; do
        ! debugfs -R "stat $path" "$dev" 2>/dev/null | grep -q Inode: || {
            echo "$path is there"
            return 1
        }
    done
}

there() {
    local path
    for path; do
        in_guest "stat $path" | grep -q Inode: || {
            echo "$path is not there"
            return 1
        }
    done
}

edits() {
    local text i
    text=$(printf 'line %s\n' {1..9000})
    image "$@" && mended 'done 6' 'write:/etc/qcloud-network-config.ini:ip=10.0.0.2' "write:/opt/a/b/long.txt:$text" \
        'write:/etc/machine-id:f00' 'write:/etc/link:no link now' remove:/home/bob/notes remove:/nowhere/at/all \
        windows:write:/c.ini:no &&
        is_clean && reads /etc/qcloud-network-config.ini ip=10.0.0.2 && reads /opt/a/b/long.txt "$text" &&
        reads /etc/machine-id f00 && reads /etc/link 'no link now' && gone /home/bob/notes /c.ini &&
        there "/data/a-file-with-quite-a-long-name-so-that-folders-need-more-blocks-300"
}

emptied() {
    image "$@" && mended 'done 302' empty:/data write:/data/new:1 empty:/nowhere 'write:/data/b/c:2' &&
        is_clean && reads /data/new 1 && reads /data/b/c 2 && same entries '. .. new b' \
        "$(in_guest 'ls -p /data' | awk -F/ '$2 { print $6 }' | xargs)"
}

many_names() {
    local args=() i
    for i in {1..60}; do args+=("write:/data/another-file-with-quite-a-long-name-to-fill-blocks-of-folders-$i:$i"); done
    image "$@" && mended 'done 60' "${args[@]}" && is_clean &&
        reads /data/another-file-with-quite-a-long-name-to-fill-blocks-of-folders-60 60
}

identity() {
    image "$@" && mended 'done *' identity && is_clean &&
        gone /etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_ed25519_key.pub /var/lib/cloud/instances \
            /var/lib/cloud/instance /var/log/syslog.1 /var/log/syslog.2.gz /var/log/journal/0a \
            /root/.bash_history /home/ann/.bash_history /home/bob/.zsh_history /var/lib/systemd/random-seed &&
        there /etc/ssh/sshd_config /var/log/journal /var/log/nginx/access.log /var/lib/dbus/machine-id &&
        reads /etc/machine-id '' && reads /var/log/syslog '' && reads /home/bob/notes keep &&
        reads /var/lib/cloud/seed/nocloud/user-data mine &&
        in_guest 'cat /etc/fstab' | cmp - <(grep -vE '^(UUID=1111|/dev/vdb1|LABEL=other)' "$tree/etc/fstab") &&
        mended 'done *' identity && rm -f "$work/flat.qcow2" &&
        same again '0 nothing 0' "$(diskcat convert "$disk" "$raw" "$work/flat.qcow2" identity)" &&
        qemu-img compare -q "$work/flat.qcow2" "$disk"
}

# The same on the way of a conversion, over a disk that the guest wrote to.
on_the_way() {
    image 32M && rm -f "$disk" "$work/flat.qcow2" &&
        diskcat make "$raw" $((200 << 20)) "$raw" raw "$disk" write:/etc/hostname:one &&
        same answer '0 done 2' "$(diskcat convert "$disk" "$raw" "$work/flat.qcow2" write:/etc/hostname:two \
            remove:/etc/link)" && qemu-img check -q "$work/flat.qcow2" &&
        qemu-img convert -O raw "$work/flat.qcow2" "$out" && is_clean && reads /etc/hostname two && gone /etc/link &&
        same size $((200 << 20)) "$(stat -c %s "$out")"
}

# A volume in pieces out of order: extents of 4 MiB, the first of which begins at 2 MiB.
logical_volume() {
    local extent status
    image 32M && rm -f "$raw" && truncate -s 200M "$raw" && printf '2048,,8e,*\n' | sfdisk -q "$raw" &&
        python3 "$tests/guests/lvm.py" "$raw" vg '[[2048, 407552]]' \
            "{\"root\": {\"file\": \"$work/part\", \"segments\": [[4, [[0, 20]]], [4, [[0, 3]]]]}}" &&
        mended 'done *' identity write:/etc/hostname:lv write:/new/folder/file:1 || return
    for extent in {20..23} {3..6}; do
        dd if="$out" bs=1M skip=$((2 + 4 * extent)) count=4 status=none
    done >"$work/lv"
    dev=$work/lv
    is_clean && reads /etc/hostname lv && reads /new/folder/file 1 && gone /etc/ssh/ssh_host_rsa_key
    status=$?
    dev="$out?offset=$start"
    return "$status"
}

left() {
    local answer=$1 options=$2
    shift 2
    # shellcheck disable=SC2086
    image 32M $options && { [ $# = 0 ] || spoil "$@"; } && untouched "$answer" write:/etc/hostname:x identity
}

# spoil DEBUGFS-COMMAND...
spoil() {
    local command
    for command; do
        debugfs -w -R "$command" "$raw?offset=$start" >"$work/debugfs" 2>&1 || return
    done
}

# A worker that dies of the edits, and lives without them.
worker_dies() {
    local root=$work/root
    mkdir -p "$root" && printf '#!/bin/sh\nmkdir %q 2>/dev/null && kill -SEGV $$\nexec %q\n' "$root/died" \
        "$(dirname "$IMGPORT")/imgport-worker" >"$root/imgport-worker" && chmod +x "$root/imgport-worker" || return
    image 32M && rm -rf "$disk" "$root/died" || return
    case $(IMGPORT_ROOT=$root "$DISKCAT" make "$raw" 0 base.raw raw "$disk" write:/etc/x:y) in
    *' damaged 0 the edits were given up: the worker died of signal SEGV'*) ;;
    *) return 1 ;;
    esac
    qemu-img compare -q -f raw "$raw" "$disk" && rm -rf "$work/flat.qcow2" "$root/died" || return
    case $(IMGPORT_ROOT=$root "$DISKCAT" convert "$disk" "$raw" "$work/flat.qcow2" identity) in
    *' damaged 0 the edits were given up: '*) ;;
    *) return 1 ;;
    esac
    qemu-img compare -q -f raw "$raw" "$work/flat.qcow2"
}

# What belongs on a filesystem that is not read is not written where that would hide it.
hidden() {
    local uuid=22222222-3333-4444-5555-666666666666
    cp "$tree/etc/fstab" "$work/fstab" && echo "UUID=$uuid $2 ext4 defaults 0 0" >>"$tree/etc/fstab"
    image 32M
    mv "$work/fstab" "$tree/etc/fstab"
    truncate -s 32M "$work/var" && mkfs.ext4 -q -F -U "$uuid" "$work/var" &&
        truncate -s 66M "$raw" && printf ',,83\n' | sfdisk -q --append "$raw" &&
        debugfs -w -R 'ssv inode_size 7' "$work/var" >"$work/debugfs" 2>&1 &&
        dd if="$work/var" of="$raw" bs=1M seek=33 conv=notrunc,sparse status=none &&
        mended "$1" write:/var/lib/x:1
}

# Nothing can be put beneath a link to nothing, nor is that damage.
dangling() {
    image 32M && untouched 'not-written 0 /etc/link is a link that leads to nothing on this disk' write:/etc/link/a/b:1 &&
        untouched 'not-written 0 /etc/link is a link *' write:/etc/link/a:1 write:/etc/hostname:x &&
        untouched 'nothing 0' remove:/etc/link/a/b empty:/etc/link/a
}

# with_var LINE...: /var of its own on a second partition, and lines of fstab more.
with_var() {
    local uuid=22222222-3333-4444-5555-666666666666
    cp "$tree/etc/fstab" "$work/fstab" && printf '%s\n' "UUID=$uuid /var/ ext4 defaults 0 0" "$@" >>"$tree/etc/fstab"
    image 32M
    mv "$work/fstab" "$tree/etc/fstab"
    mkdir -p "$work/vartree" && cp -a "$tree/var/." "$work/vartree" && rm -f "$work/var" && truncate -s 32M "$work/var" &&
        mkfs.ext4 -q -F -U "$uuid" -d "$work/vartree" "$work/var" &&
        truncate -s 66M "$raw" && printf ',,83\n' | sfdisk -q --append "$raw" &&
        dd if="$work/var" of="$raw" bs=1M seek=33 conv=notrunc,sparse status=none
}

on_var() {
    local status
    dev="$out?offset=$((33 * 1024 * 1024))"
    "$@"
    status=$?
    dev="$out?offset=$start"
    return "$status"
}

# What is seen at a path is what is cleared, and not what lies below it.
other_places() {
    mkdir -p "$tree/srv/keys" "$tree/srv/log" && cp "$tree"/etc/ssh/ssh_host_* "$tree/srv/keys/" &&
        with_var '/srv/keys /etc/ssh none bind 0 0' 'tmpfs /home tmpfs defaults 0 0'
    rm -r "$tree/srv"
    mended 'done *' identity && is_clean && on_var is_clean &&
        there /etc/ssh/ssh_host_rsa_key /var/log/syslog.1 /var/lib/cloud/instances &&
        gone /srv/keys/ssh_host_rsa_key /home/ann/.bash_history &&
        on_var gone /log/syslog.1 /lib/cloud/instances /lib/systemd/random-seed && on_var reads /log/syslog '' &&
        untouched 'not-written 0 /home is not on this disk' write:/home/ann/x:1 &&
        mended 'done 1' write:/etc/ssh/new:1 && there /srv/keys/new && gone /etc/ssh/new &&
        mended 'done 1' write:/var/new:1 && on_var there /new && gone /var/new
}

# Folders bound to folders that are bound, and what cannot be told.
bound_again() {
    mkdir -p "$tree/srv/var/log" "$tree/srv/b" && echo old >"$tree/srv/var/log/messages.1" &&
        with_var '/srv/b/log /var/log none bind 0 0' '/srv/var /srv/b none rw,bind 0 0' '/nowhere /root none bind,nofail 0 0' \
            '/srv/b /etc/ssh none rbind 0 0'
    rm -r "$tree/srv"
    mended 'not-written * /root is another folder, which is not followed' identity && is_clean &&
        gone /srv/var/log/messages.1 && there /root/.bash_history /etc/ssh/ssh_host_rsa_key && on_var there /log/syslog.1 &&
        on_var gone /lib/systemd/random-seed && untouched 'not-written 0 /etc/ssh is another folder, *' write:/etc/ssh/x:1
}

# What is behind an encryption keeps what it has, and that is told; the rest is cleared.
encrypted_log() {
    cp "$tree/etc/fstab" "$work/fstab" && echo '/dev/mapper/crypt /var/log ext4 defaults 0 0' >>"$tree/etc/fstab"
    image 32M
    mv "$work/fstab" "$tree/etc/fstab"
    truncate -s 40M "$raw" && printf ',,83\n' | sfdisk -q --append "$raw" &&
        printf 'LUKS\xba\xbe\0\1' | dd of="$raw" bs=1M seek=33 conv=notrunc status=none &&
        mended 'not-written * /var/log is a filesystem that is encrypted, or not read' identity && is_clean &&
        gone /etc/ssh/ssh_host_rsa_key /var/lib/systemd/random-seed && there /var/log/syslog.1 /var/log/journal/0a &&
        untouched 'not-written 0 /var/log is a filesystem *' write:/var/log/x:1
}

# As a system leaves them that was frozen: e2fsck frees them afterwards, and finds nothing else.
orphans() {
    local one two
    image 32M || return
    one=$(debugfs -R 'stat /home/bob/notes' "$raw?offset=$start" 2>/dev/null | awk '/^Inode:/ { print $2 }')
    two=$(debugfs -R 'stat /var/log/syslog' "$raw?offset=$start" 2>/dev/null | awk '/^Inode:/ { print $2 }')
    spoil 'unlink /home/bob/notes' 'unlink /var/log/syslog' "sif <$one> links_count 0" "sif <$two> links_count 0" \
        "sif <$one> dtime $two" "ssv last_orphan $one" && mended 'done *' identity write:/etc/hostname:x || return
    expect 0 e2fsck -fy "$dev" && same orphans 2 "$(grep -c '^Clearing orphaned inode' "$work/out")" &&
        ! grep -E '^(Inode|Block|Free|Entry|Unattached|Directory|Multiply)' "$work/out" && is_clean &&
        reads /etc/hostname x && gone /etc/ssh/ssh_host_rsa_key
}

# What a folder's link leads to may hold more than it should.
linked_log() {
    mv "$tree/var/log" "$work/log" && ln -s /data "$tree/var/log" && image 32M
    rm "$tree/var/log" && mv "$work/log" "$tree/var/log" && untouched 'not-written 0 */var/log is a link' identity
}

# The other way round than usual.
linked_id() {
    mv "$tree/etc/machine-id" "$work/id" && rm "$tree/var/lib/dbus/machine-id" &&
        cp "$work/id" "$tree/var/lib/dbus/machine-id" && ln -s /var/lib/dbus/machine-id "$tree/etc/machine-id" && image 32M
    rm "$tree/etc/machine-id" && mv "$work/id" "$tree/etc/machine-id" &&
        ln -sf /etc/machine-id "$tree/var/lib/dbus/machine-id" && mended 'done *' identity && is_clean &&
        reads /var/lib/dbus/machine-id ''
}

# Beside something encrypted no disk is said to be missing.
encrypted_beside() {
    image 32M && truncate -s 40M "$raw" && printf ',,83\n' | sfdisk -q --append "$raw" &&
        printf 'LUKS\xba\xbe\0\1' | dd of="$raw" bs=1M seek=33 conv=notrunc status=none &&
        mended 'done *' identity && is_clean && gone /etc/ssh/ssh_host_rsa_key && in_guest 'cat /etc/fstab' | cmp - "$tree/etc/fstab"
}

full() {
    image 8M -m 0 -O ^has_journal && spoil "write $work/fill /fill" && same fill "0" "$(debugfs -R stats "$raw?offset=$start" 2>/dev/null | awk '/^Free blocks:/ { print $3 }')" && untouched 'no-room 0 *' "write:/etc/big:$(head -c 100000 /dev/zero | tr '\0' x)"
}

# ---- NTFS

part=$work/part

# The partition of a disk of windows.sh, to be worked on and put back.
take() { dd if="$1" of="$part" bs=512 skip=2048 count=147456 status=none; }
put_back() { dd if="$part" of="$raw" bs=1M seek=1 conv=notrunc,sparse status=none; }

windows() {
    [ -e "$work/windows.raw" ] || "$tests/guests/windows.sh" "$work/windows.raw" version=2008-R2 || return
    cp --sparse=always "$work/windows.raw" "$raw" && take "$raw"
}

# ntfsresize counts all clusters; ntfsfix tells what it would mend.
is_clean_ntfs() {
    take "$out" || return
    if ! { ntfsfix -n "$part" && ntfsresize -fi "$part"; } >"$work/fsck" 2>&1 ||
        grep -qE 'BAD|mismatch|inconsistent' "$work/fsck"; then
        cat "$work/fsck"
        return 1
    fi
}

has() { same "$1" "$2" "$(ntfscat "$part" "$1")"; }

windows_edits() {
    local text args=() i
    text=$(printf 'line %s\n' {1..9000})
    for i in {1..40}; do args+=("write:/files/a-name-that-is-long-enough-to-make-the-index-of-its-folder-grow-$i:$i"); done
    windows && mended 'done 44' 'windows:write:/qcloud-network-config.ini:ip=10.0.0.2' "write:/a/b/long.txt:$text" \
        'write:/Windows/System32/config/SOFTWARE:short' remove:/bootmgr linux:write:/etc/hostname:no identity "${args[@]}" &&
        is_clean_ntfs && has qcloud-network-config.ini ip=10.0.0.2 && has a/b/long.txt "$text" &&
        has Windows/System32/config/SOFTWARE short && has "${args[39]:7:-3}" 40 &&
        ! ntfsls "$part" | grep -E 'bootmgr|etc'
}

windows_emptied() {
    windows && mended 'done *' empty:/Windows/System32/drivers remove:/nothing write:/Windows/new:1 &&
        is_clean_ntfs && has Windows/new 1 && same drivers '. ..' "$(ntfsls -ap Windows/System32/drivers "$part" | xargs)"
}

# Twice in a row, the second time over the first overlay's clusters, and over a flat copy.
windows_again() {
    windows && mended 'done 1' write:/qcloud-network-config.ini:one && rm -f "$work/flat.qcow2" &&
        same answer '0 done 1' "$(diskcat convert "$disk" "$raw" "$work/flat.qcow2" write:/qcloud-network-config.ini:two)" &&
        qemu-img convert -O raw "$work/flat.qcow2" "$out" && is_clean_ntfs && has qcloud-network-config.ini two
}

windows_closed() {
    windows && log 5:1:0:2 5:1:0:2 && put_back && mended 'done 1' write:/qcloud-network-config.ini:x &&
        is_clean_ntfs && has qcloud-network-config.ini x
}

windows_left() {
    local answer=$1
    shift
    windows && "$@" && put_back && untouched "$answer" write:/qcloud-network-config.ini:x
}

log() { python3 "$tests/oracle/ntfs_log.py" "$part" "$@"; }

hibernate() {
    { printf hibr && head -c 5000 /dev/zero; } >"$work/hibr"
    ntfscp -q -f "$part" "$work/hibr" hiberfil.sys
}

# reparse PATH TAG HEX, of the partition.
reparse() { ASAN_OPTIONS=detect_leaks=0 "$NTFSFILL" "$part" reparse "$@"; }

# junction DRIVE: what follows the header of a reparse point to a folder that is not there.
junction() {
    python3 -c "
import struct
name = r'\??\\$1:\nowhere'.encode('utf-16le')
print((struct.pack('<HHHH', 0, len(name), len(name) + 2, 0) + name + bytes(4)).hex())"
}

windows_dangling() {
    mkdir -p "$work/links/to C" "$work/links/to D" && windows &&
        ASAN_OPTIONS=detect_leaks=0 "$NTFSFILL" "$part" fill "$work/links" &&
        reparse 'to C' 0xa0000003 "$(junction C)" && reparse 'to D' 0xa0000003 "$(junction D)" && put_back &&
        untouched 'not-written 0 /to C is a link that leads to nothing on this disk' 'write:/to C/a/b:1' &&
        untouched 'not-written 0 *a link to another volume*' 'write:/To d/a:1' && untouched 'nothing 0' 'remove:/to C/a'
}

# Clusters of files that are marked free.
unmark() {
    ntfscat -i 6 "$part" >"$work/bitmap" && printf '\0' | dd of="$work/bitmap" bs=1 seek=2 conv=notrunc status=none &&
        ntfscp -q -f -i "$part" "$work/bitmap" 6
}

case_ 'edits on NTFS' windows_edits
case_ 'a folder of NTFS is emptied' windows_emptied
case_ 'edits over edits on NTFS' windows_again
case_ 'a log of a closed Windows is fine' windows_closed
case_ 'an open log is left as it is' windows_left 'dirty 0 partition 1: *' log 5:1:0:0 5:1:0:0
case_ 'a fast startup is left as it is' windows_left 'dirty 0 partition 1: *' log 5:2:0:2 5:2:0:2
case_ 'an NTFS in use is left as it is' windows_left 'dirty 0 partition 1: *' ntfsfix "$part"
case_ 'a hibernated Windows is left as it is' windows_left 'dirty 0 partition 1: *' hibernate
case_ 'a junction to nothing on the way is told as that' windows_dangling
case_ 'clusters in use that are marked free are found' windows_left 'damaged 0 partition 1: *marked free' unmark

# ---- ext

case_ 'edits on ext4' edits 32M
case_ 'edits on ext4 with blocks of 1 KiB' edits 32M -b 1024
case_ 'edits on ext4 without checksums, of 32 bits' edits 32M -O ^metadata_csum,^64bit
case_ 'edits on ext4 with the older checksums' edits 32M -O ^metadata_csum,uninit_bg
case_ 'edits on ext4 without groups of groups' edits 32M -O ^flex_bg,^resize_inode,meta_bg -g 8192
case_ 'edits on ext4 with inodes of 128 bytes' edits 32M -I 128
case_ 'edits on ext3' edits 32M -t ext3
case_ 'edits on ext2' edits 32M -t ext2
case_ 'edits on ext4 with a file of orphans' edits 32M -O orphan_file
case_ 'a folder is emptied, and filled' emptied 32M
case_ 'a folder of ext2 is emptied, and filled' emptied 32M -t ext2 -b 1024
case_ 'a folder gets more blocks' many_names 32M -b 1024
case_ 'a folder with a linear list gets more blocks' many_names 32M -b 1024 -O ^dir_index
case_ 'identity of ext4' identity 32M
case_ 'identity of ext2' identity 32M -t ext2
case_ 'a folder of logs that is a link is left as it is' linked_log
case_ 'a machine-id that is a link stays whole' linked_id
case_ 'beside something encrypted fstab stays' encrypted_beside
case_ 'edits on the way of a conversion' on_the_way
case_ 'edits on a logical volume' logical_volume
case_ 'inline data is left as it is' left 'not-written 0 partition 1: *inline_data' '-O inline_data'
case_ 'clusters of blocks are left as they are' left 'not-written 0 partition 1: *bigalloc' '-O bigalloc'
case_ 'quotas are left as they are' left 'not-written 0 partition 1: *quota' '-O quota'
case_ 'folders without case are left as they are' left 'not-written 0 partition 1: *casefold' '-E encoding=utf8'
case_ 'a journal to be replayed is left as it is' left 'dirty 0 partition 1: *' '' 'feature needs_recovery'
case_ 'an unclean filesystem is left as it is' left 'dirty 0 partition 1: *' '' 'ssv state 0'
case_ 'a filesystem with errors is left as it is' left 'dirty 0 partition 1: *' '' 'ssv state 3'
case_ 'a file that waits to be cut is left as it is' left 'dirty 0 partition 1: * waits to be cut' '' 'ssv last_orphan 20'
case_ 'a list of orphans without end is left as it is' left 'damaged 0 partition 1: *does not end' '' \
    'sif <20> links_count 0' 'sif <20> dtime 20' 'ssv last_orphan 20'
case_ 'files that were deleted while they were open stay so' orphans
case_ 'a block in use that is marked free is found' left 'damaged 0 partition 1: *in use, but marked free' '-O ^metadata_csum' \
    'freeb 1400 4'
case_ 'an inode in use that is marked free is found' left 'damaged 0 partition 1: *in use, but marked free' '-O ^metadata_csum' \
    'freei /etc/fstab'
case_ 'a block of two files is found' left 'damaged 0 partition 1: *claimed twice' '-O ^metadata_csum,^extents,^64bit' \
    'sif /etc/fstab block[0] 700' 'sif /etc/os-release block[0] 700' 'setb 700'
head -c 9000000 /dev/zero | tr '\0' x >"$work/fill"
case_ 'a full filesystem is left as it is' full
case_ 'a link to nothing on the way is told as that' dangling
case_ 'identity is cleared on what is mounted, or bound, at its places' other_places
case_ 'folders that are bound are followed in any order, or told' bound_again
case_ 'identity says what it left behind an encryption' encrypted_log
case_ 'a filesystem that would hide the edits and is not read' hidden 'not-written 0 /var is a filesystem that is not read' /var
case_ 'a filesystem that is not read, elsewhere' hidden 'done 1' /srv
case_ 'a worker that dies over edits leaves them out' worker_dies
finish
