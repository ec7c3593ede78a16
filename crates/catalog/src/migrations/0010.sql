-- Who is told of events. after: the last event that it took; failures: in a row; next_at: when it is told next; words:
-- what it answered last.
CREATE TABLE webhook (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    after INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    words TEXT,
    changed_at INTEGER NOT NULL
);
