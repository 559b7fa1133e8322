/* SPDX-License-Identifier: GPL-2.0-or-later */
/* facts_by_hand.h: facts made by hand, for the tests of the rules */
#pragma once

#include "guest/facts.h"
#include "rules/rules.h"

/* A Debian 12 on an MBR with one ext4 partition, GRUB, cloud-init and all drivers in its
 * initramfs: accepted by every profile.  Strings are the test's or in the arena. */
void facts_good(struct facts *f, struct arena *a);

/* A Windows Server 2012 R2 Standard on one NTFS partition, with all drivers and
 * cloudbase-init: accepted by every profile that lists it. */
void facts_windows(struct facts *f, struct arena *a);

/* No root: the partitions stay, whatever came from the root is forgotten. */
void facts_without_root(struct facts *f);

struct fact_partition *facts_partition(struct facts *f, struct arena *a, uint32_t index,
                                       const char *filesystem);

void facts_problem(struct facts *f, struct arena *a, const char *layer,
                   const char *subject, bool minor);

/* The profile of the source tree's profiles/; fails the test when it does not parse. */
const struct profile *profile_load(struct arena *a, const char *name);

extern const struct rules_request request_none;

/* The report; fails the test when the judge does. */
struct report judge_facts(struct arena *a, const struct facts *f, const char *profile,
                          const struct rules_request *request);

/* The first finding with this id; NULL. */
const struct finding *finding_of(const struct report *r, const char *id);

/* "refused PartitionNotPresent", "undecided" */
const char *report_text(struct arena *a, const struct report *r);
