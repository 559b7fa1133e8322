-- SPDX-License-Identifier: GPL-2.0-or-later
-- What delivery and the proof of addresses need.

-- secret: what deliveries to a webhook are signed with, else empty.  tries: wrong codes since
-- the last one was sent, which was at asked.
ALTER TABLE subscription ADD COLUMN secret @TEXT NOT NULL DEFAULT '';
ALTER TABLE subscription ADD COLUMN tries @INT NOT NULL DEFAULT 0;
ALTER TABLE subscription ADD COLUMN asked @INT NOT NULL DEFAULT 0;

-- What is old is forgotten.
CREATE INDEX message_created ON message (created);
