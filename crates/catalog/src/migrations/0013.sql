-- Links to other nodes. The one row of node: this node's id, drawn at its first start.
CREATE TABLE node (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL
) STRICT;

-- Invitations: the SHA-256 of each secret, never the secret. used_by: the node that took it up; token: the SHA-256 of
-- what that node shows since, so that the same request is answered the same when its answer was lost.
CREATE TABLE link_invite (
    name TEXT PRIMARY KEY,
    sha256 BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_by TEXT,
    token BLOB
) STRICT;

-- What a paired remote shows when it calls us, as its SHA-256; what we show when we call it, as it is.
CREATE TABLE link_token (remote TEXT PRIMARY KEY, sha256 BLOB NOT NULL) STRICT;
CREATE TABLE link_secret (remote TEXT PRIMARY KEY, token TEXT NOT NULL) STRICT;
