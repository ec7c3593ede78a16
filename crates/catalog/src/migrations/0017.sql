-- Keeping and cleaning.

-- What was removed and whose bytes are there until purge_at. id: the number of its row, which it gets again should it be
-- brought back. source: the remote that sent it. why: asked, a rule or a quota. state: 0 nothing beside its bytes says that
-- they are removed, 1 a mark does, 2 its bytes are going.
CREATE TABLE removed (
    object TEXT PRIMARY KEY,
    id INTEGER NOT NULL,
    study TEXT NOT NULL,
    series TEXT NOT NULL,
    instance TEXT NOT NULL,
    object_bytes INTEGER NOT NULL,
    source TEXT,
    removed_at INTEGER NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    purge_at INTEGER NOT NULL,
    state INTEGER NOT NULL
);
CREATE INDEX removed_study ON removed (study, id);
CREATE INDEX removed_purge ON removed (purge_at);
CREATE INDEX removed_unmarked ON removed (id) WHERE state = 0;
CREATE INDEX removed_going ON removed (id) WHERE state = 2;

-- Studies on legal hold, whether they are here or not: nothing of them is removed.
CREATE TABLE hold (
    study TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    at INTEGER NOT NULL
);
