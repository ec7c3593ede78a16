-- What is owed to a remote beside instances, each a request of its own on an association of its own.
-- kind: 0 the result of a commitment that it asked of us, 1 a commitment that we ask of it, 2 a notice of what is
-- available here. uid: the transaction's, of a notice the study's. remote and ae_title: whom it is owed to; a caller
-- from this machine has an AE title only. state: 0 open (a result that is not decided), 1 due, 2 awaited (a commitment
-- that was asked for), 3 done, 4 given up. next_at: when it is due; for a leased one when its lease lapses; for an
-- awaited one when it is waited for no longer. expires_at: when it is given up.
CREATE TABLE errand (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    uid TEXT NOT NULL,
    remote TEXT,
    ae_title TEXT,
    state INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    lease_owner TEXT,
    instances INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    status INTEGER,
    words TEXT,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
);
CREATE INDEX errand_live ON errand (state, next_at) WHERE state < 3;
CREATE INDEX errand_past ON errand (changed_at) WHERE state >= 3;
CREATE UNIQUE INDEX errand_result ON errand (uid, coalesce(ae_title, ''), coalesce(remote, '')) WHERE kind = 0;
CREATE UNIQUE INDEX errand_request ON errand (uid) WHERE kind = 1;
CREATE UNIQUE INDEX errand_notice ON errand (remote, uid) WHERE kind = 2;

-- The instances that a commitment is about. reason: why it is not committed; NULL: it is, or nothing is known yet.
-- Of a commitment that was told of in full, those without a reason are forgotten.
CREATE TABLE errand_item (
    errand INTEGER NOT NULL REFERENCES errand (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    sop_class TEXT NOT NULL,
    sop_instance TEXT NOT NULL,
    job INTEGER,
    reason INTEGER,
    PRIMARY KEY (errand, place)
) WITHOUT ROWID;

-- Up to which instance a remote that wants to be told of what is available has been considered.
CREATE TABLE notice_cursor (remote TEXT PRIMARY KEY, instance INTEGER NOT NULL);

-- What the far side says of a delivered instance when it is asked to keep it. commitment: NULL nothing is asked,
-- 0 to be asked, 1 asked, 2 committed, 3 not committed. resent: how often it was sent again since the far side did
-- not have it.
ALTER TABLE job ADD COLUMN commitment INTEGER;
ALTER TABLE job ADD COLUMN resent INTEGER NOT NULL DEFAULT 0;
CREATE INDEX job_commitment ON job (delivery, changed_at) WHERE commitment = 0;
