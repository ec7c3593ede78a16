-- Keeping and cleaning, the rest of it: the meaning is told in 0019.sql of the folder above.

ALTER TABLE study ADD COLUMN arrived_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE study ADD COLUMN used_at BIGINT;
UPDATE study SET arrived_at = coalesce((
    SELECT max(instance.received_at) FROM series JOIN instance ON instance.series = series.id WHERE series.study = study.id
), changed_at);
CREATE TABLE keeping (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    uses_known_since BIGINT NOT NULL
);

CREATE TABLE retention (
    name TEXT COLLATE "C" PRIMARY KEY,
    document TEXT COLLATE "C" NOT NULL,
    enabled BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE source (
    remote TEXT COLLATE "C" PRIMARY KEY,
    instances BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);
INSERT INTO source (remote, instances, bytes)
    SELECT envelope ->> 'remote', count(*), sum(object_bytes) FROM instance
    WHERE envelope ->> 'remote' IS NOT NULL GROUP BY envelope ->> 'remote';
CREATE TABLE quota (
    remote TEXT COLLATE "C" PRIMARY KEY,
    bytes BIGINT NOT NULL,
    when_full BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
