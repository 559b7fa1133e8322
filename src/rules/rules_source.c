/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_source.c: section C, the file and its container */
#include <inttypes.h>

#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

/* The faults that block/faults.def names, for people.  A lint test holds both together.
 */
static const struct {
    const char *fault;
    const char *check;
    const char *detail;
    const char *remedy;
} faults[] = {
    {"unreachable", "C01", N_("the object cannot be fetched"),
     N_("Look at the address, at the rights of the object, and at how long a signed link "
        "lasts.")},
    {"empty", "C02", N_("the file has no bytes"), N_("Upload or copy the image again.")},
    {"text", "C02", N_("a web page, XML, JSON or plain text, not an image"),
     N_("Look into the file: it often holds the error message of the server that it was "
        "fetched from.")},
    {"digest", "C04", N_("the file is not the one that was declared"),
     N_("Copy the image again, or declare the checksum of this file.")},
    {"truncated", "C03", N_("the file ends before the image does"),
     N_("Copy the image again and compare its size and checksum with the original's.")},
    {"compressed-file", "C05", N_("the image is packed"),
     N_("Unpack the file and take the image in it.")},
    {"archive", "C05", N_("the file is an archive with an image inside"),
     N_("Unpack the archive and take the disk in it, for an OVA the .vmdk file.")},
    {"alien", "C05", N_("this is another kind of file, no disk image"), ""},
    {"declared-other", "C06", N_("the declared format is not the recognised one"),
     N_("Leave the format out, or declare the one that was recognised.")},
    {"polyglot", "C06", N_("more than one format recognises the file"),
     N_("Convert the original with a declared format; a file that can be read in two "
        "ways is not taken by anybody careful.")},
    {"not-taken", "C07", N_("a container that is recognised and not taken"), ""},
    {"luks", "C07", N_("the whole file is a LUKS container"),
     N_("Decrypt the disk first: what a cloud cannot read, it cannot start.")},
    {"nested", "C08", N_("an image lies inside the image"),
     N_("Take the inner image: it was wrapped once too often.")},
    {"version", "C09", N_("a version or header size that nobody knows"), ""},
    {"backing-file", "C10", N_("the image needs another file below it"), ""},
    {"data-file", "C11", N_("the data of the guest lie in another file"), ""},
    {"unknown-feature", "C12", N_("an incompatible feature bit that nobody knows"), ""},
    {"corrupt-bit", "C13", N_("the image is marked corrupt by who wrote it last"),
     N_("Let qemu-img repair it, and check the guest's filesystems then.")},
    {"corrupt", "C14", N_("tables contradict each other or point outside of the file"),
     N_("Export the disk again: the image is damaged.")},
    {"too-large", "C14", N_("a table or size is over every limit of the format"), ""},
    {"encrypted", "C15", N_("the container is encrypted"),
     N_("Decrypt the image first: what a cloud cannot read, it cannot start.")},
    {"create-type", "C16", N_("a kind of VMDK that is not taken"), ""},
    {"foreign-extent", "C16",
     N_("the descriptor names an extent by a path, or outside of its own folder"),
     N_("Put the extents beside the descriptor, and name them there without a path.")},
    {"missing-extent", "C16", N_("an extent that the descriptor names is not there"),
     N_("Put all extents (-s001.vmdk, -flat.vmdk) beside the descriptor.")},
    {"stream", "C17", N_("markers, footer and directory of the stream do not agree"),
     N_("Export the disk again: the stream is damaged.")},
    {"lone-descriptor", "C18", N_("a VMDK descriptor without its extents"),
     N_("Give the extents as well, or export the disk as one streamOptimized VMDK.")},
    {"delta", "C18", N_("a snapshot, delta, SEsparse or raw device map"),
     N_("Remove the snapshots of the machine, then export the disk.")},
    {"checksum", "C19", N_("the checksum of a header or footer is wrong"),
     N_("Copy or export the disk again: the image is damaged.")},
    {"vhd-table", "C20",
     N_("the header or the block table of a dynamic VHD is not sound"),
     N_("Export the disk again: the image is damaged.")},
    {"differencing", "C19", N_("the VHD needs its parent"),
     N_("Merge the VHD into its parent, then take the parent.")},
};

const char *check_fault_sentence(const char *fault)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
        if (same(faults[i].fault, fault))
            return faults[i].detail;
    return "";
}

/* Makes an image of a format and kind that the cloud takes, of any that QEMU reads. */
static const char *make_command(const struct judge *j)
{
    const struct profile *p = j->profile;

    if (p->formats & FORMAT_QCOW2)
        return "qemu-img convert -O qcow2 IMAGE NEW.qcow2";
    if (p->formats & FORMAT_VMDK)
        return "qemu-img convert -O vmdk -o subformat=streamOptimized IMAGE NEW.vmdk";
    if (p->formats & FORMAT_VHD)
        return "qemu-img convert -O vpc -o subformat=fixed,force_size IMAGE NEW.vhd";
    return "qemu-img convert -O raw IMAGE NEW.raw";
}

static bool kind_is_taken(const struct judge *j)
{
    const struct fact_image *image = &j->facts->image;
    const profile_names *kinds = same(image->format, "vhd")    ? &j->profile->vhd_kinds
                                 : same(image->format, "vmdk") ? &j->profile->vmdk_kinds
                                                               : NULL;

    return !kinds || kinds->n == 0 || image->kind[0] == '\0' ||
           names_have(kinds, image->kind);
}

/* The command that makes a whole image of what needs others, or is of another kind. */
static const char *fault_commands(const struct judge *j, const char *fault)
{
    if (same(fault, "corrupt-bit"))
        return "qemu-img check -r all IMAGE";
    if (same(fault, "backing-file") || same(fault, "data-file") ||
        same(fault, "not-taken") || same(fault, "version") ||
        same(fault, "unknown-feature") || same(fault, "create-type") ||
        same(fault, "differencing") || same(fault, "too-large"))
        return make_command(j);
    if (same(fault, "compressed-file"))
        return same(j->facts->image.other, "gzip")    ? "gunzip IMAGE.gz"
               : same(j->facts->image.other, "xz")    ? "unxz IMAGE.xz"
               : same(j->facts->image.other, "zstd")  ? "unzstd IMAGE.zst"
               : same(j->facts->image.other, "bzip2") ? "bunzip2 IMAGE.bz2"
                                                      : "";
    if (same(fault, "archive"))
        return "tar -xf IMAGE.ova";
    return "";
}

static const char *fault_detail(struct judge *j, const char *sentence)
{
    const struct fact_image *i = &j->facts->image;
    const char *text = _(sentence);

    if (i->other[0])
        text = TEXT(j, _("%s (%s)"), text, i->other);
    if (i->fault_detail[0] && !same(i->fault_detail, sentence))
        text = TEXT(j, _("%s: %s"), text, i->fault_detail);
    return text;
}

/* An ISO 9660 medium is a matter of P11, whoever noticed it first. */
static bool fault_is_iso(const struct fact_image *i)
{
    return same(i->fault, "not-taken") && starts(i->other, "ISO");
}

void rule_container_fault(struct judge *j, const struct check *c)
{
    const struct fact_image *image = &j->facts->image;

    if (image->fault[0] == '\0' || same(image->fault, "none") || fault_is_iso(image))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        const char *advice;

        if (!same(faults[i].fault, image->fault) || !same(faults[i].check, c->row.id))
            continue;
        advice = faults[i].remedy[0] ? _(faults[i].remedy) : "";
        finding_add(j, c, LEVEL_ERROR, "", fault_detail(j, faults[i].detail),
                    remedy_lines(j, advice, fault_commands(j, image->fault), NULL));
        return;
    }
}

static bool fault_is_known(const char *fault)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
        if (same(faults[i].fault, fault))
            return true;
    return false;
}

/* C05: also the place of a fault that has no row above. */
void rule_format(struct judge *j, const struct check *c)
{
    const struct fact_image *image = &j->facts->image;
    bool fault = image->fault[0] && !same(image->fault, "none");

    rule_container_fault(j, c);
    if (fault && !fault_is_known(image->fault))
        finding_add(j, c, LEVEL_ERROR, "", fault_detail(j, N_("the image is not taken")),
                    "");
    if (fault || image->format[0] == '\0' || same(image->format, "unknown"))
        return;
    if (!(format_bit(image->format) & j->profile->formats))
        finding_add(
            j, c, LEVEL_ERROR, "",
            TEXT(j, _("the format %s is not one that the cloud takes"), image->format),
            remedy_lines(j,
                         j->profile->formats & FORMAT_QCOW2
                             ? "imgport convert -O qcow2 IMAGE NEW.qcow2"
                             : make_command(j),
                         NULL));
    else if (!kind_is_taken(j))
        finding_add(
            j, c, LEVEL_ERROR, "",
            TEXT(j, _("the %s is of the kind %s; the cloud takes %s"), image->format,
                 image->kind,
                 names_joined(j, same(image->format, "vhd") ? &j->profile->vhd_kinds
                                                            : &j->profile->vmdk_kinds)),
            remedy_lines(j, make_command(j), NULL));
}

/* C21: a cloud that maps the file as it is has a unit for its size. */
void rule_alignment(struct judge *j, const struct check *c)
{
    const struct fact_image *image = &j->facts->image;
    uint64_t unit = same(image->format, "raw")   ? j->profile->raw_multiple
                    : same(image->format, "vhd") ? j->profile->vhd_multiple
                                                 : 0;
    uint64_t size = image->virtual_size;

    if (unit == 0 || size % unit == 0 || !same(image->fault, "none"))
        return;
    /* No disk is within a unit of the largest number; if it says so, no advice. */
    finding_add(j, c, LEVEL_ERROR, "virtual_size",
                TEXT(j,
                     _("the guest sees a disk of %s bytes, which is no multiple of %s"),
                     number_text(j, size), size_text(j, unit)),
                size > UINT64_MAX - unit
                    ? ""
                    : remedy_lines(j, "qemu-img convert -O raw IMAGE DISK.raw",
                                   TEXT(j, "qemu-img resize -f raw DISK.raw %s",
                                        number_text(j, size - size % unit + unit)),
                                   same(image->format, "vhd")
                                       ? "qemu-img convert -f raw -O vpc -o "
                                         "subformat=fixed,force_size DISK.raw NEW.vhd"
                                       : "",
                                   NULL));
}

void rule_container_dirty(struct judge *j, const struct check *c)
{
    const struct fact_image *image = &j->facts->image;

    if (same(image->fault, "corrupt-bit")) {
        rule_container_fault(j, c);
        return;
    }
    if (image->dirty)
        finding_add(j, c, LEVEL_WARNING, "",
                    _("the image was not closed cleanly: whoever wrote it last was "
                      "interrupted, or still writes"),
                    remedy_lines(j, _("Shut the machine down, then:"),
                                 same(image->format, "qcow2")
                                     ? "qemu-img check -r all IMAGE"
                                     : make_command(j),
                                 NULL));
}

static const char *shrink_remedy(struct judge *j)
{
    return remedy_lines(
        j, _("Inside the guest, remove what is not needed and give its space back:"),
        "fstrim -av",
        _("Then convert the image, which leaves zeros out. A disk that is too large "
          "needs "
          "smaller filesystems and partitions first:"),
        "virt-resize --shrink /dev/sdaN OLD NEW", NULL);
}

void rule_size(struct judge *j, const struct check *c)
{
    const struct fact_image *image = &j->facts->image;
    uint64_t max = j->profile->virtual_size_max;

    if (max && image->virtual_size > max)
        finding_add(j, c, LEVEL_ERROR, "virtual_size",
                    TEXT(j, _("the guest sees a disk of %s (%s bytes); %s are allowed"),
                         size_text(j, image->virtual_size),
                         number_text(j, image->virtual_size), size_text(j, max)),
                    shrink_remedy(j));
    max = j->profile->file_size_max;
    if (max && image->file_size > max)
        finding_add(j, c, LEVEL_ERROR, "file_size",
                    TEXT(j, _("the file takes %s (%s bytes); %s are allowed"),
                         size_text(j, image->file_size), number_text(j, image->file_size),
                         size_text(j, max)),
                    shrink_remedy(j));
    max = j->profile->qcow2_size_max;
    if (!max || image->qcow2_size <= max)
        return;
    if (image->qcow2_size_exact)
        finding_add(
            j, c, LEVEL_ERROR, "qcow2_size",
            TEXT(j, _("as qcow2 the image takes %s (%s bytes) or more; %s are allowed"),
                 size_text(j, image->qcow2_size), number_text(j, image->qcow2_size),
                 size_text(j, max)),
            shrink_remedy(j));
    else
        judge_unclear(j, "block", "limit", "qcow2_size",
                      TEXT(j,
                           "at most %" PRIu64 " bytes as qcow2, over the limit of "
                           "%" PRIu64 "; only a scan for zeros can tell",
                           image->qcow2_size, max));
}
