/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/facts_table.h"

#include "base/scoped.h"

/* The kind follows from the member's type; a type that is not listed does not compile. */
#define MEMBER(type, m) (((struct type *)0)->m)
#define KIND(type, m) \
    _Generic(MEMBER(type, m),        \
        bool: FACT_BOOL,             \
        uint32_t: FACT_U32,          \
        uint64_t: FACT_U64,          \
        int64_t: FACT_I64,           \
        const char *: FACT_STRING,   \
        fact_strings: FACT_STRINGS)
#define ROW(type, key, m, kind, of)                                         \
    {                                                                       \
        key, #m, kind, offsetof(struct type, m), sizeof MEMBER(type, m), of \
    }

/* Comparing pointers of different types does not compile either. */
#define SAME_TYPE(a, b) (0 * sizeof((a) == (b)))

#define FIELD_AS(type, key, m) ROW(type, key, m, KIND(type, m), NULL)
#define FIELD(type, m)         FIELD_AS(type, #m, m)
#define STRUCT(type, m, sub)      \
    ROW(type, #m, m, FACT_STRUCT, \
        &sub##_table + SAME_TYPE(&MEMBER(type, m), (struct sub *)0))
#define POINTER(type, key, m, sub)  \
    ROW(type, key, m, FACT_POINTER, \
        &sub##_table + SAME_TYPE(MEMBER(type, m), (struct sub *)0))
#define LISTED(type, m, sub)    \
    ROW(type, #m, m, FACT_LIST, \
        &sub##_table + SAME_TYPE(MEMBER(type, m).v, (struct sub *)0))

#define TABLE_AS(name_, storage)                      \
    storage const struct fact_table name_##_table = { \
        .name = #name_,                               \
        .size = sizeof(struct name_),                 \
        .fields = name_##_fields,                     \
        .n = ARRAY_SIZE(name_##_fields),              \
    }
#define TABLE(name_) TABLE_AS(name_, )

/* clang-format off: one row a line */

#define F(m) FIELD(fact_problem, m)
static const struct fact_field fact_problem_fields[] = {
    F(layer), F(code), F(subject), F(message), F(minor),
};
#undef F
TABLE(fact_problem);

#define F(m) FIELD(fact_image, m)
static const struct fact_field fact_image_fields[] = {
    F(format),
    F(virtual_size),
    F(file_size),
    F(qcow2_size),
    F(qcow2_size_exact),
    F(data_size),
    F(kind),
    F(other),
    F(creator),
    F(cluster_size),
    F(compressed),
    F(dirty),
    F(internal_snapshots),
    F(fault),
    F(fault_detail),
};
#undef F
TABLE_AS(fact_image, static);

#define F(m) FIELD(fact_fs, m)
static const struct fact_field fact_fs_fields[] = {
    F(total_bytes),  F(free_bytes),     F(total_inodes),    F(free_inodes),
    F(clean),        F(needs_recovery), F(stale_possible),  F(stale_reason),
    F(last_checked), F(mount_count),    F(max_mount_count), F(check_interval),
    F(features),
};
#undef F
TABLE(fact_fs);

#define F(m) FIELD(fact_partition, m)
static const struct fact_field fact_partition_fields[] = {
    F(index),
    F(start),
    F(size),
    F(type),
    F(active),
    F(filesystem),
    F(uuid),
    F(label),
    F(part_uuid),
    F(type_name),
    F(name),
    F(logical),
    F(extended),
    F(past_end),
    F(role),
    F(priority),
    F(tries),
    F(successful),
    POINTER(fact_partition, "fs", fs, fact_fs),
};
#undef F
TABLE(fact_partition);

#define F(m) FIELD(fact_volume, m)
static const struct fact_field fact_volume_fields[] = {
    F(name),
    F(size),
    F(filesystem),
    F(uuid),
    F(label),
    F(role),
    POINTER(fact_volume, "fs", fs, fact_fs),
};
#undef F
TABLE(fact_volume);

#define F(m) FIELD(fact_disk, m)
static const struct fact_field fact_disk_fields[] = {
    F(all_zero),      F(boot_signature),    F(boot_code),
    F(grub_core),     F(active_sector),     F(whole),
    F(whole_label),   F(installer),         F(overlap_a),
    F(overlap_b),     F(bios_boot),         F(esp),
    F(esp_loader),    F(esp_looked),        F(gpt_primary_ok),
    F(gpt_backup_ok), F(protective_strict), F(hybrid),
    F(table_problem), F(dynamic),           F(uuid),
};
#undef F
TABLE_AS(fact_disk, static);

#define F(m) FIELD(fact_root, m)
static const struct fact_field fact_root_fields[] = {
    F(device), F(filesystem), F(uuid), F(label), F(subvolume), F(usr), F(deployment),
};
#undef F
TABLE(fact_root);

#define F(m) FIELD(fact_candidate, m)
static const struct fact_field fact_candidate_fields[] = {
    F(device),
    F(filesystem),
    F(what),
    F(why),
};
#undef F
TABLE(fact_candidate);

#define F(m) FIELD(fact_os, m)
static const struct fact_field fact_os_fields[] = {
    F(type),    F(id),     F(version),  F(name), F(arch),
    F(id_like), F(source), F(packages), F(init),
};
#undef F
TABLE(fact_os);

#define F(m) FIELD(fact_drivers, m)
static const struct fact_field fact_drivers_fields[] = {
    F(virtio_blk),   F(virtio_net), F(virtio_pci), F(virtio_scsi), F(root_fs),   F(dm),
    F(nvme),         F(ahci),       F(ata_piix),   F(hv_storvsc),  F(hv_netvsc), F(ena),
    F(xen_blkfront), F(hv_vmbus),   F(gve),        F(udf),         F(vfat),
};
#undef F
TABLE_AS(fact_drivers, static);

#define F(m) FIELD(fact_kernel, m)
static const struct fact_field fact_kernel_fields[] = {
    F(version),
    FIELD_AS(fact_kernel, "default", is_default),
    F(initramfs),
    STRUCT(fact_kernel, drivers, fact_drivers),
    F(image),
    F(initramfs_size),
    F(initramfs_format),
    F(initramfs_tool),
    F(config),
    F(modules),
    F(xen_only),
    F(distribution),
};
#undef F
TABLE(fact_kernel);

#define F(m) FIELD(fact_blocked, m)
static const struct fact_field fact_blocked_fields[] = {
    F(module),
    F(where),
};
#undef F
TABLE(fact_blocked);

#define F(m) FIELD(fact_boot, m)
static const struct fact_field fact_boot_fields[] = {
    F(loader),
    F(config),
    F(loader_version),
    F(entry),
    F(saved),
    F(kernel),
    F(initramfs),
    F(initramfs_files),
    F(cmdline),
    F(kernel_exists),
    F(initramfs_exists),
    F(root),
    F(root_resolves),
    F(root_by_id),
    F(serial_console),
    F(linux16_uefi),
    F(device_map),
    F(problem),
    F(boot_missing),
    F(modules_exist),
    F(no_entry),
    F(hypervisor),
    F(usr),
    F(usr_resolves),
    F(deployment),
    F(deployment_exists),
};
#undef F
TABLE(fact_boot);

#define F(m) FIELD(fact_cloud_init, m)
static const struct fact_field fact_cloud_init_fields[] = {
    F(installed),        F(enabled),         F(version),
    F(datasources),      F(evidence),        F(disabled_by),
    F(datasources_from), F(config_2_reader), F(config_2_where),
};
#undef F
TABLE(fact_cloud_init);

#define F(m) FIELD(fact_ignition, m)
static const struct fact_field fact_ignition_fields[] = {
    F(installed), F(platform), F(first_start), F(evidence), F(coreos_cloudinit),
};
#undef F
TABLE(fact_ignition);

#define F(m) FIELD(fact_mount, m)
static const struct fact_field fact_mount_fields[] = {
    F(line), F(spec),     F(target), F(type),   F(options),
    F(kind), F(resolves), F(by_id),  F(nofail),
};
#undef F
TABLE(fact_mount);

#define F(m) FIELD(fact_interface, m)
static const struct fact_field fact_interface_fields[] = {
    F(name), F(method), F(file), F(mac), F(ipv6),
};
#undef F
TABLE(fact_interface);

#define F(m) FIELD(fact_network, m)
static const struct fact_field fact_network_fields[] = {
    F(method),
    LISTED(fact_network, interfaces, fact_interface),
    F(nic_rules),
    F(ifnames_off),
};
#undef F
TABLE_AS(fact_network, static);

#define F(m) FIELD(fact_residue, m)
static const struct fact_field fact_residue_fields[] = {
    F(kind),
    F(path),
    F(size),
};
#undef F
TABLE(fact_residue);

#define F(m) FIELD(fact_linux, m)
static const struct fact_field fact_linux_fields[] = {
    LISTED(fact_linux, fstab, fact_mount),
    STRUCT(fact_linux, network, fact_network),
    F(growpart),
    F(root_last),
    F(swap_on_disk),
    F(sshd),
    F(sshd_enabled),
    F(ssh_host_keys),
    F(ssh_keys_regenerated),
    F(firewall),
    F(selinux),
    F(selinux_relabel_needed),
    F(rtc),
    F(shadow),
    F(root_password),
    F(resolv_conf_immutable),
    F(resolv_conf_own),
    LISTED(fact_linux, tools, fact_residue),
    LISTED(fact_linux, residues, fact_residue),
    LISTED(fact_linux, blocked, fact_blocked),
};
#undef F
TABLE(fact_linux);

#define F(m) FIELD(fact_windows_driver, m)
static const struct fact_field fact_windows_driver_fields[] = {
    F(name),    F(path),  F(file),       F(read_only),  F(machine), F(version),
    F(service), F(start), F(overridden), F(image_path), F(bound),   F(binding),
};
#undef F
TABLE(fact_windows_driver);

#define F(m) FIELD(fact_windows_hive, m)
static const struct fact_field fact_windows_hive_fields[] = {
    F(name), F(path), F(state), F(stale), F(detail),
};
#undef F
TABLE(fact_windows_hive);

#define F(m) FIELD(fact_windows_boot, m)
static const struct fact_field fact_windows_boot_fields[] = {
    F(device), F(manager),       F(store),  F(entry),   F(title),
    F(loader), F(loader_exists), F(target), F(problem),
};
#undef F
TABLE(fact_windows_boot);

#define F(m) FIELD(fact_windows_filter, m)
static const struct fact_field fact_windows_filter_fields[] = {
    F(name),
    F(service),
    F(file),
};
#undef F
TABLE(fact_windows_filter);

#define F(m) FIELD(fact_windows, m)
static const struct fact_field fact_windows_fields[] = {
    F(product),
    F(edition),
    F(kernel),
    F(release),
    F(service_pack),
    F(build),
    F(revision),
    F(install),
    F(licence),
    F(control_set),
    LISTED(fact_windows, hives, fact_windows_hive),
    LISTED(fact_windows, drivers, fact_windows_driver),
    POINTER(fact_windows, "boot", boot, fact_windows_boot),
    F(hibernated),
    F(fast_startup),
    F(image_state),
    F(setup_running),
    F(pending),
    F(updates),
    F(sha2),
    LISTED(fact_windows, filters, fact_windows_filter),
    LISTED(fact_windows, tools, fact_residue),
    F(install_blocked),
    F(rdp),
    LISTED(fact_windows, interfaces, fact_interface),
    F(san_policy),
    F(pagefiles),
};
#undef F
TABLE(fact_windows);

#define F(m) FIELD(facts, m)
static const struct fact_field facts_fields[] = {
    STRUCT(facts, image, fact_image),
    F(partition_table),
    LISTED(facts, partitions, fact_partition),
    LISTED(facts, logical_volumes, fact_volume),
    POINTER(facts, "root", root, fact_root),
    POINTER(facts, "os", os, fact_os),
    F(firmware),
    LISTED(facts, kernels, fact_kernel),
    POINTER(facts, "cloud_init", cloud_init, fact_cloud_init),
    STRUCT(facts, disk, fact_disk),
    F(volume_problems),
    LISTED(facts, candidates, fact_candidate),
    POINTER(facts, "boot", boot, fact_boot),
    POINTER(facts, "ignition", ignition, fact_ignition),
    POINTER(facts, "linux", linux_, fact_linux),
    POINTER(facts, "windows", windows, fact_windows),
    LISTED(facts, problems, fact_problem),
};
#undef F
TABLE(facts);
/* clang-format on */
