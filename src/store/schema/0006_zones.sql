-- SPDX-License-Identifier: GPL-2.0-or-later
-- What a zone has beside memory, who is its host, and instances that it lost.

-- disk_gib: what may be promised.  host: the same after each start on one folder; holder:
-- one process of it, which has the zone until held_until.
ALTER TABLE zone ADD COLUMN disk_gib @INT NOT NULL DEFAULT 0;
ALTER TABLE zone ADD COLUMN host @TEXT NOT NULL DEFAULT '';
ALTER TABLE zone ADD COLUMN holder @TEXT NOT NULL DEFAULT '';
ALTER TABLE zone ADD COLUMN held_until @INT NOT NULL DEFAULT 0;

-- disk_due: GiB of the disk that a task is making for it, 0: none.  stalled: it stands
-- still, since its host has no room for what its disk takes.
ALTER TABLE instance ADD COLUMN disk_due @INT NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN stalled @INT NOT NULL DEFAULT 0;

-- Instances that were given up while their host was away: it takes away what it has of
-- them.  cleared: when it did so first, 0: not yet.
CREATE TABLE instance_left (
    id @TEXT PRIMARY KEY,
    zone @TEXT NOT NULL,
    blob @TEXT NOT NULL,
    since @INT NOT NULL,
    cleared @INT NOT NULL
) @KEYED;
CREATE INDEX instance_left_zone ON instance_left (zone);
