-- What was refused to whom: one row for the same thing, however often it happens. Written now and then from memory,
-- and of no weight: a crash may lose the last seconds of it.
CREATE TABLE incident (
    kind TEXT NOT NULL,
    address TEXT NOT NULL,
    ae_title TEXT NOT NULL,
    subject TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, address, ae_title, subject)
) WITHOUT ROWID;
CREATE INDEX incident_last_at ON incident (last_at);
