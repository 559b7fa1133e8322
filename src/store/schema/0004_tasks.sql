-- SPDX-License-Identifier: GPL-2.0-or-later
-- What a task reads beside its own image, and how long it will take.

ALTER TABLE task ADD COLUMN seconds_left @INT NOT NULL DEFAULT -1;

CREATE TABLE task_use (
    image @TEXT NOT NULL,
    task @INT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    PRIMARY KEY (image, task)
) @KEYED;
CREATE INDEX task_use_task ON task_use (task);
