-- Members: the nodes that share this catalog, each with a spool of its own. uid: kept beside the spool. address: where the
-- others read what has not settled; none: nowhere. seen_at: when it last said that it is there.
CREATE TABLE member (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    address TEXT,
    seen_at INTEGER NOT NULL
);

-- Whose spool has an instance that has not settled. 0: of the only node there was.
ALTER TABLE instance ADD COLUMN spool INTEGER NOT NULL DEFAULT 0;
DROP INDEX instance_unsettled;
CREATE INDEX instance_unsettled ON instance (spool, id) WHERE settled = 0;

-- What one member at a time does, and until when it is that one's turn.
CREATE TABLE turn (
    task TEXT PRIMARY KEY,
    member INTEGER NOT NULL,
    until INTEGER NOT NULL
);

-- The one row of settings. changes: how often those were changed that nodes hold in memory. secret: by which members know
-- one another.
CREATE TABLE settings (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    changes INTEGER NOT NULL,
    secret BLOB
);
INSERT INTO settings (one, changes) VALUES (1, 0);
