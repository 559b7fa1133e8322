/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network.h: one file of each kind of network configuration, into facts
 *
 * `file` is the path for the facts.  The loopback interface is left out. */
#pragma once

#include "guest/facts.h"

/* interfaces(5).  Lines that include others are handed to `source` (NULL: ignored), with
 * the pattern, or the folder and `folder` set. */
struct ifupdown_reader {
    int (*source)(void *arg, struct bytes pattern, bool folder, struct err *err);
    void *arg;
};
int network_ifupdown(struct fact_network *ret, struct arena *a, const char *file,
                     struct bytes text, const struct ifupdown_reader *reader,
                     struct err *err);

/* ifcfg-NAME of Red Hat and SUSE. */
void network_ifcfg(struct fact_network *ret, struct arena *a, const char *file,
                   const char *name, struct bytes text);

void network_netplan(struct fact_network *ret, struct arena *a, const char *file,
                     struct bytes text);
void network_keyfile(struct fact_network *ret, struct arena *a, const char *file,
                     struct bytes text);
void network_networkd(struct fact_network *ret, struct arena *a, const char *file,
                      struct bytes text);
void network_wicked(struct fact_network *ret, struct arena *a, const char *file,
                    struct bytes text);

/* Does a udev rules file or a .link file give a name to a hardware address? */
bool network_pins_names(struct bytes text);

/* "dhcp", "static", "mixed", or "" when no interface is configured. */
const char *network_method(const struct fact_network *n);
