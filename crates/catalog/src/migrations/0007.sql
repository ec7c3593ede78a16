-- The remote that a study's first instance came from, where it came from one: who is confined to what came from some
-- remotes sees these studies.
ALTER TABLE study ADD COLUMN origin TEXT;
UPDATE study SET origin = (
    SELECT json_extract(instance.envelope, '$.remote') FROM instance WHERE instance.id = (
        SELECT min(own.id) FROM series JOIN instance AS own ON own.series = series.id WHERE series.study = study.id
    )
);
CREATE INDEX study_origin ON study (origin) WHERE origin IS NOT NULL;

-- What the bearer of a token sees, as a JSON object; NULL: everything.
ALTER TABLE token ADD COLUMN scope TEXT;
