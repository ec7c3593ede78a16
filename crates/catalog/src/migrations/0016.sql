-- Verifications: every row held against its object, and every object against its row. state: 0 under way, 1 done, 2 stopped.
-- phase: 0 rows, 1 objects, 2 mending. position: how far the phase is, in its own terms. last_instance: rows beyond it came
-- later. all_objects, all_bytes: what rows told of as it began.
CREATE TABLE verification (
    id INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    position TEXT NOT NULL,
    who TEXT NOT NULL,
    mends INTEGER NOT NULL,
    bytes_per_second INTEGER NOT NULL,
    last_instance INTEGER NOT NULL,
    all_objects INTEGER NOT NULL,
    all_bytes INTEGER NOT NULL,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    words TEXT,
    began_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
);

-- What they found. kind: 0 lost, 1 damaged, 2 orphan. fate: 0 open, 1 mended, 2 left as it is. study to remote: of the row; an
-- orphan has none.
CREATE TABLE verification_finding (
    verification INTEGER NOT NULL REFERENCES verification (id),
    object TEXT NOT NULL,
    kind INTEGER NOT NULL,
    fate INTEGER NOT NULL,
    study TEXT,
    series TEXT,
    instance TEXT,
    remote TEXT,
    words TEXT NOT NULL,
    found_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (verification, object)
);
CREATE INDEX verification_finding_object ON verification_finding (object);
