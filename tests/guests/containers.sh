# shellcheck shell=bash disable=SC2154 # build.sh sets dir and tmp
# SPDX-License-Identifier: GPL-2.0-or-later
# containers.sh: the good guest in every kind of container, through qemu-img
#
# Guest container-KIND is the folder container-KIND/ with one file, or the descriptor and
# its extents.  Sourced by build.sh, and by the tests for container_names.

# kind, file, format of qemu-img, its options
container_table() {
    cat <<'EOF'
qcow2-v3            good.qcow2 qcow2
qcow2-v2            good.qcow2 qcow2 -o compat=0.10
qcow2-zlib          good.qcow2 qcow2 -c
qcow2-zstd          good.qcow2 qcow2 -c -o compression_type=zstd
qcow2-extended-l2   good.qcow2 qcow2 -o extended_l2=on
vhd-dynamic         good.vhd   vpc   -o force_size=on
vhd-fixed           good.vhd   vpc   -o subformat=fixed,force_size=on
vmdk-sparse         good.vmdk  vmdk  -o subformat=monolithicSparse
vmdk-stream         good.vmdk  vmdk  -o subformat=streamOptimized
vmdk-flat           good.vmdk  vmdk  -o subformat=monolithicFlat
vmdk-2gb-sparse     good.vmdk  vmdk  -o subformat=twoGbMaxExtentSparse
vmdk-2gb-flat       good.vmdk  vmdk  -o subformat=twoGbMaxExtentFlat
EOF
}

container_names() {
    container_table | awk '{ print "container-" $1 }'
}

container_file() {
    container_table | awk -v kind="$1" '$1 == kind { print $2 }'
}

container_make() {
    local file format options good

    good=$(guest_file good)
    [ -e "$good" ] || disk_make good
    read -r _ file format options < <(container_table | awk -v kind="$1" '$1 == kind')
    rm -rf "$dir/container-$1"
    mkdir "$tmp/container"
    # shellcheck disable=SC2086 # a list of words
    qemu-img convert -W -f raw -O "$format" $options "$good" "$tmp/container/$file"
    mv "$tmp/container" "$dir/container-$1"
}
