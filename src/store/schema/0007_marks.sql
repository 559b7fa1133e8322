-- SPDX-License-Identifier: GPL-2.0-or-later
-- What a connection committed last, by which it learns after it broke what became of a
-- commit.  Of PostgreSQL only: with SQLite there is nothing in between that could break.
CREATE TABLE commit_mark (
    session @TEXT PRIMARY KEY,
    n @INT NOT NULL,
    updated @INT NOT NULL
) @KEYED;
