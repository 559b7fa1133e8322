-- SPDX-License-Identifier: GPL-2.0-or-later
-- Buckets and what lies in them.  A put makes a new object row, with a new random id, so that
-- who reads the pieces of an id never sees those of another content.

CREATE TABLE bucket (
    name @TEXT PRIMARY KEY,
    region @TEXT NOT NULL,
    owner @TEXT NOT NULL REFERENCES account (uin),
    acl @INT NOT NULL,
    grants @TEXT NOT NULL,
    one_time_links @INT NOT NULL,
    created @INT NOT NULL
) @KEYED;
CREATE INDEX bucket_owner ON bucket (owner, name);

CREATE TABLE object (
    id @INT PRIMARY KEY,
    bucket @TEXT NOT NULL REFERENCES bucket (name),
    name @TEXT NOT NULL,
    size @INT NOT NULL,
    etag @TEXT NOT NULL,
    content_type @TEXT NOT NULL,
    headers @TEXT NOT NULL,
    acl @INT NOT NULL,
    grants @TEXT NOT NULL,
    modified @INT NOT NULL,
    UNIQUE (bucket, name)
) @TABLE;

CREATE TABLE object_piece (
    object @INT NOT NULL REFERENCES object (id),
    start @INT NOT NULL,
    size @INT NOT NULL,
    blob @TEXT NOT NULL,
    PRIMARY KEY (object, start)
) @KEYED;
CREATE INDEX object_piece_blob ON object_piece (blob);

CREATE TABLE upload (
    id @TEXT PRIMARY KEY,
    bucket @TEXT NOT NULL REFERENCES bucket (name),
    name @TEXT NOT NULL,
    owner @TEXT NOT NULL,
    content_type @TEXT NOT NULL,
    headers @TEXT NOT NULL,
    acl @INT NOT NULL,
    grants @TEXT NOT NULL,
    created @INT NOT NULL
) @KEYED;
CREATE INDEX upload_name ON upload (bucket, name, id);

CREATE TABLE upload_part (
    upload @TEXT NOT NULL REFERENCES upload (id),
    number @INT NOT NULL,
    size @INT NOT NULL,
    etag @TEXT NOT NULL,
    blob @TEXT NOT NULL,
    modified @INT NOT NULL,
    PRIMARY KEY (upload, number)
) @KEYED;
CREATE INDEX upload_part_blob ON upload_part (blob);

CREATE TABLE spent_link (
    signature @TEXT PRIMARY KEY,
    expires @INT NOT NULL
) @KEYED;
CREATE INDEX spent_link_expires ON spent_link (expires);
