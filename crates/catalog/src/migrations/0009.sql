-- A delivery gathers what comes until it is released; what comes after that is its next revision. revision: the one
-- that gathers, or the last that did; released: up to which its jobs may be sent, so that it gathers while released is
-- less. since: since when the revision gathers. due_at: when it has been quiet for long enough, or is asked about again.
-- next_at: not later than its next released job is due; NULL when none is open. priority: 0 stat, 1 routine, 2 bulk.
-- evidence: what was known of its completeness when it was looked at last, as a JSON object. priors: NULL: none are
-- wanted; 0: earlier studies of the patient are to be found; 1: they were. priors_words: what came of it.
ALTER TABLE delivery ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
ALTER TABLE delivery ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE delivery ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN released_at INTEGER;
ALTER TABLE delivery ADD COLUMN next_at INTEGER;
ALTER TABLE delivery ADD COLUMN paused_at INTEGER;
ALTER TABLE delivery ADD COLUMN evidence TEXT;
ALTER TABLE delivery ADD COLUMN priors INTEGER;
ALTER TABLE delivery ADD COLUMN priors_words TEXT;
UPDATE delivery SET since = created_at,
    released = NOT EXISTS (SELECT 1 FROM job WHERE delivery = delivery.id AND state < 2);

-- uid, source: the SOP Instance UID, and who sent it here, of an instance that was deleted here.
ALTER TABLE job ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE job ADD COLUMN uid TEXT;
ALTER TABLE job ADD COLUMN source TEXT;

DROP INDEX job_due;
CREATE INDEX job_open ON job (delivery, next_at) WHERE state < 2;
CREATE INDEX job_gone ON job (uid) WHERE uid IS NOT NULL;
CREATE INDEX job_parked ON job (delivery) WHERE state = 3;
CREATE INDEX job_committed ON job (remote) WHERE commitment = 2;
CREATE INDEX delivery_due ON delivery (remote, priority, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_priors ON delivery (id) WHERE priors = 0;
CREATE INDEX delivery_gathering ON delivery (due_at) WHERE released < revision AND paused_at IS NULL;

-- Remotes that nothing is sent to until someone says so.
CREATE TABLE pause (remote TEXT PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL) WITHOUT ROWID;
