-- SPDX-License-Identifier: GPL-2.0-or-later
-- The catalogue.  Words that begin with an at sign: db.h.  A semicolon ends a statement and
-- stands nowhere else.  What is here was released once: change it by a new file.

-- Numbers that grow when something changed, for what is kept in memory.
CREATE TABLE counter (
    name @TEXT PRIMARY KEY,
    n @INT NOT NULL
) @KEYED;
INSERT INTO counter (name, n) VALUES ('account', 1);

CREATE TABLE account (
    uin @TEXT PRIMARY KEY,
    app_id @TEXT NOT NULL UNIQUE,
    name @TEXT NOT NULL UNIQUE,
    language @TEXT NOT NULL,
    state @INT NOT NULL,
    is_operator @INT NOT NULL,
    import_permission @INT NOT NULL,
    import_reason @TEXT NOT NULL,
    image_quota @INT NOT NULL,
    share_quota @INT NOT NULL,
    balance @INT NOT NULL,
    created @INT NOT NULL
) @KEYED;

CREATE TABLE access_key (
    secret_id @TEXT PRIMARY KEY,
    uin @TEXT NOT NULL REFERENCES account (uin),
    secret_key @TEXT NOT NULL,
    active @INT NOT NULL,
    created @INT NOT NULL
) @KEYED;
CREATE INDEX access_key_uin ON access_key (uin);

-- Ordered by time, so that the old ones go in one range.
CREATE TABLE nonce (
    stamp @INT NOT NULL,
    secret_id @TEXT NOT NULL,
    nonce @INT NOT NULL,
    PRIMARY KEY (stamp, secret_id, nonce)
) @KEYED;

-- no: the order in which images were made.  The large reports are kept apart, since a row
-- that does not fit a page is slow to read.
CREATE TABLE image (
    no @SERIAL,
    id @TEXT NOT NULL UNIQUE,
    region @TEXT NOT NULL,
    owner @TEXT NOT NULL REFERENCES account (uin),
    name @TEXT NOT NULL,
    description @TEXT NOT NULL,
    kind @INT NOT NULL,
    state @INT NOT NULL,
    os_name @TEXT NOT NULL,
    platform @TEXT NOT NULL,
    os_type @TEXT NOT NULL,
    os_version @TEXT NOT NULL,
    architecture @TEXT NOT NULL,
    size_gib @INT NOT NULL,
    virtual_size @INT NOT NULL,
    file_size @INT NOT NULL,
    blob @TEXT NOT NULL,
    sha256 @TEXT NOT NULL,
    source @INT NOT NULL,
    license @TEXT NOT NULL,
    boot_mode @TEXT NOT NULL,
    cloud_init @INT NOT NULL,
    family @TEXT NOT NULL,
    deprecated @INT NOT NULL,
    sync_percent @INT NOT NULL,
    price @INT NOT NULL,
    source_image @TEXT NOT NULL,
    snapshots @TEXT NOT NULL,
    disks @TEXT NOT NULL,
    reason @TEXT NOT NULL,
    sub_cause @TEXT NOT NULL,
    detail @TEXT NOT NULL,
    profile @TEXT NOT NULL,
    publish @INT NOT NULL,
    seller @TEXT NOT NULL,
    created @INT NOT NULL,
    updated @INT NOT NULL,
    tags @TEXT NOT NULL,
    shares @INT NOT NULL CHECK (shares >= 0)
) @TABLE;
-- What an account owns, and its names: 2 and 5 are the failed states.
CREATE INDEX image_owner ON image (owner, region, kind, no);
CREATE UNIQUE INDEX image_name ON image (owner, region, name) WHERE state NOT IN (2, 5);
-- What everybody sees.
CREATE INDEX image_offered ON image (region, kind, state, no) WHERE kind <> 0;
CREATE INDEX image_blob ON image (blob) WHERE blob <> '';

CREATE TABLE image_tag (
    image @TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    tag_key @TEXT NOT NULL,
    tag_value @TEXT NOT NULL,
    PRIMARY KEY (image, tag_key)
) @KEYED;

CREATE TABLE image_report (
    image @TEXT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    report @TEXT NOT NULL
) @KEYED;

CREATE TABLE image_share (
    account @TEXT NOT NULL REFERENCES account (uin),
    region @TEXT NOT NULL,
    image @TEXT NOT NULL REFERENCES image (id),
    created @INT NOT NULL,
    PRIMARY KEY (account, region, image)
) @KEYED;
CREATE UNIQUE INDEX image_share_image ON image_share (image, account);

CREATE TABLE day_op (
    account @TEXT NOT NULL,
    region @TEXT NOT NULL,
    day @INT NOT NULL,
    n @INT NOT NULL,
    PRIMARY KEY (account, region, day)
) @KEYED;

-- due: when it may be claimed; null once it has ended.
CREATE TABLE task (
    no @SERIAL,
    id @INT NOT NULL UNIQUE,
    kind @INT NOT NULL,
    state @INT NOT NULL,
    due @INT,
    image @TEXT NOT NULL,
    account @TEXT NOT NULL,
    region @TEXT NOT NULL,
    request_id @TEXT NOT NULL,
    params @TEXT NOT NULL,
    step @TEXT NOT NULL,
    phase @TEXT NOT NULL,
    bytes_done @INT NOT NULL,
    bytes_total @INT NOT NULL,
    attempt @INT NOT NULL,
    holder @TEXT NOT NULL,
    cancel_asked @INT NOT NULL,
    reason @TEXT NOT NULL,
    sub_cause @TEXT NOT NULL,
    detail @TEXT NOT NULL,
    profile @TEXT NOT NULL,
    created @INT NOT NULL,
    started @INT NOT NULL,
    ended @INT NOT NULL,
    CHECK ((due IS NULL) = (state >= 2))
) @TABLE;
CREATE INDEX task_due ON task (due, no) WHERE due IS NOT NULL;
CREATE INDEX task_account ON task (account, no);
CREATE INDEX task_image ON task (image) WHERE image <> '';
CREATE INDEX task_ended ON task (ended) WHERE due IS NULL;

CREATE TABLE task_result (
    task @INT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    step @TEXT NOT NULL,
    result @TEXT NOT NULL,
    PRIMARY KEY (task, step)
) @KEYED;

CREATE TABLE message (
    no @SERIAL,
    id @INT NOT NULL UNIQUE,
    account @TEXT NOT NULL REFERENCES account (uin),
    type @TEXT NOT NULL,
    subject @TEXT NOT NULL,
    body @TEXT NOT NULL,
    data @TEXT NOT NULL,
    task @INT NOT NULL,
    image @TEXT NOT NULL,
    created @INT NOT NULL,
    is_read @INT NOT NULL
) @TABLE;
CREATE INDEX message_account ON message (account, no);

CREATE TABLE subscription (
    no @SERIAL,
    id @INT NOT NULL UNIQUE,
    account @TEXT NOT NULL REFERENCES account (uin),
    type @TEXT NOT NULL,
    channel @INT NOT NULL,
    address @TEXT NOT NULL,
    verified @INT NOT NULL,
    code @TEXT NOT NULL,
    created @INT NOT NULL,
    UNIQUE (account, type, channel, address)
) @TABLE;

-- state: 0 waiting, 1 sent, 2 given up.  due: when it may be claimed, else null.
CREATE TABLE outbox (
    no @SERIAL,
    message @INT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    channel @INT NOT NULL,
    address @TEXT NOT NULL,
    state @INT NOT NULL,
    due @INT,
    attempt @INT NOT NULL,
    holder @TEXT NOT NULL,
    detail @TEXT NOT NULL,
    UNIQUE (message, channel, address),
    CHECK ((due IS NULL) = (state <> 0))
) @TABLE;
CREATE INDEX outbox_due ON outbox (due, no) WHERE due IS NOT NULL;
