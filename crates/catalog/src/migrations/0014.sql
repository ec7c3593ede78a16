-- Receipts over links, on both ends. link_sent: what a far side gave a receipt for, by job; acknowledged_at: when that
-- side was told that the receipt is known here.
CREATE TABLE link_sent (
    job INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL,
    remote TEXT NOT NULL,
    instance TEXT NOT NULL,
    digest BLOB NOT NULL,
    at INTEGER NOT NULL,
    node TEXT NOT NULL,
    acknowledged_at INTEGER
) STRICT;
CREATE INDEX link_sent_owed ON link_sent (remote) WHERE acknowledged_at IS NULL;
CREATE INDEX link_sent_delivery ON link_sent (delivery);

-- link_received: receipts of this node's own, as the remote that sent the instance acknowledged them.
CREATE TABLE link_received (
    remote TEXT NOT NULL,
    instance TEXT NOT NULL,
    digest BLOB NOT NULL,
    at INTEGER NOT NULL,
    acknowledged_at INTEGER NOT NULL,
    PRIMARY KEY (remote, instance)
) STRICT, WITHOUT ROWID;
