-- What is changed of instances on their way to a remote, and the way back.

CREATE TABLE transform (name TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;

-- The secret of a project. It outlives the transforms that used it: what they sent out still comes back.
CREATE TABLE project (name TEXT PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;

-- A study as a remote knows it. original: its UID here. source: the remote that it came from; NULL: none. identity: its
-- attributes of patient and study as it came, as a DICOM JSON object.
CREATE TABLE alias_study (
    pseudonym TEXT NOT NULL,
    remote TEXT NOT NULL,
    original TEXT NOT NULL,
    project TEXT NOT NULL,
    source TEXT,
    identity TEXT NOT NULL,
    PRIMARY KEY (pseudonym, remote)
) WITHOUT ROWID;

-- A UID as a remote knows it.
CREATE TABLE alias_uid (
    remote TEXT NOT NULL,
    pseudonym TEXT NOT NULL,
    original TEXT NOT NULL,
    PRIMARY KEY (remote, pseudonym)
) WITHOUT ROWID;

-- Instances that came for a study as a remote knows it, of which a copy with the original identity is due. error: why it
-- could not be made the last time.
CREATE TABLE way_back (
    instance INTEGER PRIMARY KEY REFERENCES instance (id) ON DELETE CASCADE,
    remote TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    error TEXT
);
CREATE INDEX way_back_next ON way_back (next_at);
