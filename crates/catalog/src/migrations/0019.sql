-- Keeping and cleaning, the rest of it.

-- Retention. arrived_at: when its newest instance came, or it was last brought back. used_at: when it was last read, to the
-- hour; NULL: not since this is written down, which is since uses_known_since.
ALTER TABLE study ADD COLUMN arrived_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE study ADD COLUMN used_at INTEGER;
UPDATE study SET arrived_at = coalesce((
    SELECT max(instance.received_at) FROM series JOIN instance ON instance.series = series.id WHERE series.study = study.id
), changed_at);
CREATE TABLE keeping (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    uses_known_since INTEGER NOT NULL
);

-- Rules by which studies go. enabled: 0 it is only previewed, 1 it is kept.
CREATE TABLE retention (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
);

-- What is kept of each remote's, and how much may be. when_full: 0 what it sends is refused, 1 its oldest studies go.
CREATE TABLE source (
    remote TEXT PRIMARY KEY,
    instances INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
INSERT INTO source (remote, instances, bytes)
    SELECT envelope ->> 'remote', count(*), sum(object_bytes) FROM instance
    WHERE envelope ->> 'remote' IS NOT NULL GROUP BY envelope ->> 'remote';
CREATE TABLE quota (
    remote TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    when_full INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
);
