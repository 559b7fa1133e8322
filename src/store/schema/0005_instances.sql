-- SPDX-License-Identifier: GPL-2.0-or-later
-- Machines that run from images, and the hosts they run on.

-- Empty: any daemon does it, else the one of that zone only.
ALTER TABLE task ADD COLUMN zone @TEXT NOT NULL DEFAULT '';
CREATE INDEX task_zone ON task (zone, due) WHERE due IS NOT NULL AND zone <> '';

-- A zone is one host: what it has, as its daemon said last.
CREATE TABLE zone (
    name @TEXT PRIMARY KEY,
    region @TEXT NOT NULL,
    memory_mib @INT NOT NULL,
    subnet @INT NOT NULL,
    prefix @INT NOT NULL,
    seen @INT NOT NULL
) @KEYED;

-- changes: grows with each, so that what was seen can be told from what is.  task: what
-- works on it, else 0.  address: IPv4 as a number.  secret: of the administrator, for
-- systems that take no hash, and only until it was handed over.
CREATE TABLE instance (
    no @SERIAL,
    id @TEXT NOT NULL UNIQUE,
    region @TEXT NOT NULL,
    zone @TEXT NOT NULL REFERENCES zone (name),
    owner @TEXT NOT NULL REFERENCES account (uin),
    name @TEXT NOT NULL,
    type @TEXT NOT NULL,
    cpu @INT NOT NULL,
    memory_mib @INT NOT NULL,
    price @INT NOT NULL,
    image @TEXT NOT NULL,
    blob @TEXT NOT NULL,
    virtual_size @INT NOT NULL,
    os_name @TEXT NOT NULL,
    platform @TEXT NOT NULL,
    architecture @TEXT NOT NULL,
    boot_mode @TEXT NOT NULL,
    cloud_init @INT NOT NULL,
    disk @TEXT NOT NULL,
    disk_type @TEXT NOT NULL,
    disk_gib @INT NOT NULL,
    address @INT NOT NULL,
    mac @TEXT NOT NULL,
    uuid @TEXT NOT NULL,
    incarnation @TEXT NOT NULL,
    hostname @TEXT NOT NULL,
    password @TEXT NOT NULL,
    secret @TEXT NOT NULL,
    keys @TEXT NOT NULL,
    key_ids @TEXT NOT NULL,
    user_data @TEXT NOT NULL,
    project @INT NOT NULL,
    tags @TEXT NOT NULL,
    state @INT NOT NULL,
    task @INT NOT NULL,
    operation @TEXT NOT NULL,
    operation_state @INT NOT NULL,
    operation_request @TEXT NOT NULL,
    operation_code @TEXT NOT NULL,
    operation_message @TEXT NOT NULL,
    changes @INT NOT NULL,
    created @INT NOT NULL,
    UNIQUE (zone, address)
) @TABLE;
CREATE INDEX instance_owner ON instance (owner, region, no);
CREATE INDEX instance_image ON instance (image);
CREATE INDEX instance_zone ON instance (zone, no);
CREATE INDEX instance_blob ON instance (zone, blob);

CREATE TABLE instance_tag (
    instance @TEXT NOT NULL REFERENCES instance (id) ON DELETE CASCADE,
    tag_key @TEXT NOT NULL,
    tag_value @TEXT NOT NULL,
    PRIMARY KEY (instance, tag_key)
) @KEYED;

-- What a ClientToken was answered.
CREATE TABLE client_token (
    account @TEXT NOT NULL,
    region @TEXT NOT NULL,
    token @TEXT NOT NULL,
    request @TEXT NOT NULL,
    instances @TEXT NOT NULL,
    created @INT NOT NULL,
    PRIMARY KEY (account, region, token)
) @KEYED;
CREATE INDEX client_token_created ON client_token (created);

CREATE TABLE key_pair (
    no @SERIAL,
    id @TEXT NOT NULL UNIQUE,
    owner @TEXT NOT NULL REFERENCES account (uin),
    name @TEXT NOT NULL,
    public_key @TEXT NOT NULL,
    created @INT NOT NULL,
    UNIQUE (owner, name)
) @TABLE;
