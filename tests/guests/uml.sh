#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# uml.sh FOLDER SCRIPT DISK...: runs a script as root of User Mode Linux, a kernel that is a
# process: it mounts what we may not, and needs neither root nor a device.
#
# The disks are /dev/ubda, /dev/ubdb ...; the script sees the files of this machine, and can
# write to /mnt, which is forgotten, and FOLDER, which is not.  At its end the kernel stops as
# when the power fails, without a sync.
set -euo pipefail
export LC_ALL=C

folder=$1 script=$2
shift 2
disks=() number=0
for disk; do
    disks+=("ubd$number=$disk")
    number=$((number + 1))
done
# In a user namespace what belongs to root here belongs to nobody there, and so would these,
# which are setuid.
mkdir -p "$folder/uml.bin"
cp "$(command -v mount)" "$(command -v umount)" "$folder/uml.bin"
cat >"$folder/uml.init" <<END
#!/bin/sh
export PATH=$folder/uml.bin:$PATH:/usr/sbin:/sbin LC_ALL=C
mount -t proc proc /proc
mount -t tmpfs none /mnt
mount -t hostfs -o $folder none $folder
(
    set -e
    $script
)
[ \$? -ne 0 ] || echo 'uml: done'
echo o >/proc/sysrq-trigger
sleep 60
END
chmod 755 "$folder/uml.init"
TMPDIR=$folder timeout 1800 linux.uml mem=256M root=/dev/root rootfstype=hostfs rootflags=/ ro \
    init="$folder/uml.init" uml_dir="$folder/" "${disks[@]}" con=null con0=null,fd:1 quiet \
    </dev/null >"$folder/uml.log" 2>&1 || true
grep -q '^uml: done' "$folder/uml.log" || {
    cat "$folder/uml.log" >&2
    echo 'User Mode Linux failed: is linux.uml installed, and ptrace allowed?' >&2
    exit 1
}
rm -r "$folder/uml.bin"
