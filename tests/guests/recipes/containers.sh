# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# containers.sh: the good guest in every kind of container, through qemu-img
#
# Guest container-KIND is a folder with one file, or the descriptor and its extents.

# name, file, format of qemu-img, its options
table_container() {
    cat <<'EOF'
container-qcow2-v3            good.qcow2 qcow2
container-qcow2-v2            good.qcow2 qcow2 -o compat=0.10
container-qcow2-zlib          good.qcow2 qcow2 -c
container-qcow2-zstd          good.qcow2 qcow2 -c -o compression_type=zstd
container-qcow2-extended-l2   good.qcow2 qcow2 -o extended_l2=on
container-vhd-dynamic         good.vhd   vpc   -o force_size=on
container-vhd-fixed           good.vhd   vpc   -o subformat=fixed,force_size=on
container-vmdk-sparse         good.vmdk  vmdk  -o subformat=monolithicSparse
container-vmdk-stream         good.vmdk  vmdk  -o subformat=streamOptimized
container-vmdk-flat           good.vmdk  vmdk  -o subformat=monolithicFlat
container-vmdk-2gb-sparse     good.vmdk  vmdk  -o subformat=twoGbMaxExtentSparse
container-vmdk-2gb-flat       good.vmdk  vmdk  -o subformat=twoGbMaxExtentFlat
EOF
}

container_file() {
    table_container | awk -v name="$1" '$1 == name { print $2 }'
}

row_container() {
    guest_need good
    mkdir "$1"
    qemu-img convert -W -f raw -O "$4" "${@:5}" "$(guest_file good)" "$1/$3"
}
