-- What a remote said of presentation contexts when it was sent to: taken 1, or refused 0. at: when it last said so, in
-- milliseconds. Forgotten with the remote, and when that is changed.
CREATE TABLE acceptance (
    remote TEXT NOT NULL,
    sop_class TEXT NOT NULL,
    transfer_syntax TEXT NOT NULL,
    taken INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (remote, sop_class, transfer_syntax)
) WITHOUT ROWID;
