# shellcheck shell=bash disable=SC2154 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# bench.sh: what is measured (bench/convert.sh), too large to be made for tests

SERVER_SIZE=$((8 << 30))

# A machine that was worked on: two kernels, compilers, databases, web servers.
tree_server() {
    rootfs_debian "$1" bookworm amd64 "linux-image-cloud-amd64,linux-image-amd64,grub-pc,\
grub-efi-amd64-bin,build-essential,clang,golang-go,openjdk-17-jre-headless,postgresql,\
mariadb-server,nginx,apache2,php,git,python3-dev,python3-numpy"
}

# noise BYTES: what no compressor makes smaller, the same each time.
noise() {
    head -c "$1" /dev/zero | openssl enc -aes-128-ctr -nosalt -pass pass:imgport -pbkdf2
}

# 8 GiB, of which about 2 GiB are used; a sixteenth of these are packed already.
disk_bench_server() {
    rootfs_unpack server "$tmp/root"
    mkdir "$tmp/root/var/backups/photos"
    noise $((128 << 20)) >"$tmp/root/var/backups/photos/2023.zip"
    rootfs_grub "$tmp/root" hd0,msdos1
    mbr_disk "$1" "$SERVER_SIZE"
    ext_write "$1" $((FIRST * SECTOR)) $((SERVER_SIZE - FIRST * SECTOR)) "$tmp/root"
    grub_write "$1" "$tmp/root" 1
    rm -rf "$tmp/root"
}

# A disk of 1 GiB that is full: 1 GiB as raw, and about 1 GB as qcow2.
disk_bench_full() {
    local size=$((1 << 30))

    rootfs_unpack bookworm "$tmp/root"
    noise $((470 << 20)) >"$tmp/root/var/backups/photos.zip"
    rootfs_grub "$tmp/root" hd0,msdos1
    mbr_disk "$1" "$size"
    ext_write "$1" $((FIRST * SECTOR)) $((size - FIRST * SECTOR)) "$tmp/root"
    grub_write "$1" "$tmp/root" 1
    rm -rf "$tmp/root"
}
