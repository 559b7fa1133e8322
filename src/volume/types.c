/* SPDX-License-Identifier: GPL-2.0-or-later */
/* types.c: names for partition types and boot code */
#include <string.h>

#include "base/scoped.h"
#include "base/text.h"
#include "volume/table.h"

const char *mbr_type_name(uint8_t type)
{
    static const struct {
        uint8_t type;
        const char *name;
    } names[] = {
        {0x00, "Empty"},
        {0x01, "FAT12"},
        {0x04, "FAT16 <32M"},
        {0x05, "Extended"},
        {0x06, "FAT16"},
        {0x07, "NTFS or exFAT"},
        {0x0b, "FAT32"},
        {0x0c, "FAT32 LBA"},
        {0x0e, "FAT16 LBA"},
        {0x0f, "Extended LBA"},
        {0x11, "Hidden FAT12"},
        {0x12, "Diagnostics"},
        {0x16, "Hidden FAT16"},
        {0x17, "Hidden NTFS"},
        {0x1b, "Hidden FAT32"},
        {0x27, "Windows recovery"},
        {0x42, "Windows dynamic disk"},
        {0x63, "Unix System V"},
        {0x82, "Linux swap"},
        {0x83, "Linux"},
        {0x85, "Linux extended"},
        {0x8e, "Linux LVM"},
        {0xa5, "FreeBSD"},
        {0xa6, "OpenBSD"},
        {0xa8, "Apple UFS"},
        {0xa9, "NetBSD"},
        {0xab, "Apple boot"},
        {0xaf, "Apple HFS"},
        {0xbe, "Solaris boot"},
        {0xbf, "Solaris"},
        {0xcd, "Isohybrid"},
        {0xda, "Data without filesystem"},
        {0xea, "Linux extended boot"},
        {0xee, "GPT protective"},
        {0xef, "EFI System"},
        {0xfb, "VMware VMFS"},
        {0xfc, "VMware swap"},
        {0xfd, "Linux RAID"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].type == type)
            return names[i].name;
    return "";
}

const char *gpt_type_name(const char *guid)
{
    static const struct {
        const char *guid, *name;
    } names[] = {
        {"C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EFI System"},
        {"21686148-6449-6E6F-744E-656564454649", "BIOS boot"},
        {"024DEE41-33E7-11D3-9D69-0008C781F39F", "MBR partition scheme"},
        {"0FC63DAF-8483-4772-8E79-3D69D8477DE4", "Linux"},
        {"0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "Linux swap"},
        {"E6D6D379-F507-44C2-A23C-238F2A3DF928", "Linux LVM"},
        {"A19D880F-05FC-4D3B-A006-743F0F84911E", "Linux RAID"},
        {"BC13C2FF-59E6-4262-A352-B275FD6F7172", "Linux extended boot"},
        {"933AC7E1-2EB4-4F13-B844-0E14E2AEF915", "Linux home"},
        {"3B8F8425-20E0-4F3B-907F-1A25A76F98E8", "Linux server data"},
        {"8DA63339-0007-60C0-C436-083AC8230908", "Linux reserved"},
        {"CA7D7CCB-63ED-4C53-861C-1742536059CC", "Linux LUKS"},
        {"7FFEC5C9-2D00-49B7-8941-3EA10A5586B7", "Linux dm-crypt"},
        {"44479540-F297-41B2-9AF7-D131D5F0458A", "Linux root (x86)"},
        {"4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "Linux root (x86-64)"},
        {"69DAD710-2CE4-4E3C-B16C-21A1D49ABED3", "Linux root (ARM)"},
        {"B921B045-1DF0-41C3-AF44-4C6F280D3FAE", "Linux root (ARM-64)"},
        {"72EC70A6-CF74-40E6-BD49-4BDA08E8F224", "Linux root (RISC-V-64)"},
        {"8484680C-9521-48C6-9C11-B0720656F69E", "Linux /usr (x86-64)"},
        {"4D21B016-B534-45C2-A9FB-5C16E091FD2D", "Linux /var"},
        {"7EC6F557-3BC5-4ACA-B293-16EF5DF639D1", "Linux /var/tmp"},
        {"5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6", "CoreOS /usr"},
        {"3884DD41-8582-4404-B9A8-E9B84F2DF50E", "CoreOS root"},
        {"C95DC21A-DF0E-4340-8D7B-26CBFA9A03E0", "CoreOS OEM"},
        {"E3C9E316-0B5C-4DB8-817D-F92DF00215AE", "Microsoft reserved"},
        {"EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "Microsoft basic data"},
        {"DE94BBA4-06D1-4D40-A16A-BFD50179D6AC", "Windows recovery"},
        {"5808C8AA-7E8F-42E0-85D2-E1E90434CFB3", "Windows dynamic disk metadata"},
        {"AF9B60A0-1431-4F62-BC68-3311714A69AD", "Windows dynamic disk data"},
        {"E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D", "Windows storage spaces"},
        {"83BD6B9D-7F41-11DC-BE0B-001560B84F0F", "FreeBSD boot"},
        {"516E7CB4-6ECF-11D6-8FF8-00022D09712B", "FreeBSD"},
        {"516E7CB5-6ECF-11D6-8FF8-00022D09712B", "FreeBSD swap"},
        {"516E7CB6-6ECF-11D6-8FF8-00022D09712B", "FreeBSD UFS"},
        {"516E7CBA-6ECF-11D6-8FF8-00022D09712B", "FreeBSD ZFS"},
        {"49F48D5A-B10E-11DC-B99B-0019D1879648", "NetBSD FFS"},
        {"824CC7A0-36A8-11E3-890A-952519AD3F61", "OpenBSD"},
        {"48465300-0000-11AA-AA11-00306543ECAC", "Apple HFS"},
        {"7C3457EF-0000-11AA-AA11-00306543ECAC", "Apple APFS"},
        {"6A82CB45-1DD2-11B2-99A6-080020736631", "Solaris boot"},
        {"6A85CF4D-1DD2-11B2-99A6-080020736631", "Solaris root"},
        {"FE3A2A5D-4F32-41A7-B725-ACCC3285A309", "ChromeOS kernel"},
        {"3CB8E202-3B7E-47DD-8A3C-7FF2A13CFCEC", "ChromeOS root"},
        {"6A898CC3-1DD2-11B2-99A6-080020736631", "ZFS"},
        {"9D275380-40AD-11DB-BF97-000C2911D1B8", "VMware vmkcore"},
        {"AA31E02A-400F-11DB-9590-000C2911D1B8", "VMware VMFS"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i].guid, guid) == 0)
            return names[i].name;
    return "";
}

enum {
    CODE_SIZE = 440, /* what an installer may write; the disk's identity follows */
    LILO_AT = 6,
};

static bool code_has(struct bytes code, const char *text)
{
    return text_find(code, text) >= 0;
}

/* Every loader says what is wrong in words of its own, since nothing else runs yet. */
const char *boot_code_name(struct bytes sector, struct bytes gap)
{
    struct bytes code = bytes_sub(sector, 0, CODE_SIZE);

    if (code_has(code, "GRUB "))
        return "grub";
    if (bytes_at(code, LILO_AT, "LILO", 4))
        return "lilo";
    if (code_has(code, "SYSLINUX") || code_has(code, "EXTLINUX") ||
        code_has(code, "isolinux") || code_has(code, "Operating system load error") ||
        code_has(code, "Missing OS"))
        return "syslinux";
    if (code_has(code, "Invalid partition table") || code_has(code, "BOOTMGR") ||
        code_has(code, "NTLDR is"))
        return "windows";
    if (bytes_are_zero(code))
        return "";
    /* Some boards and managers replace the first sector only: GRUB's next stage follows
     * it. */
    if (code_has(gap, "loading") && code_has(gap, "Geom"))
        return "grub";
    return "unknown";
}
