# SPDX-License-Identifier: GPL-2.0-or-later
# No cloud's rules: a limit that a small disk is over.

[profile]
name = small
title = Sixteen mebibytes
source = this test
formats = raw qcow2 vhd vmdk
partition-tables = mbr gpt
firmware = bios uefi
architectures = x86_64
qcow2-size-max = 16MiB
