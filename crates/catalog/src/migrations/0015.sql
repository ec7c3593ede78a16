-- Counts, kind 4 of errand: a remote is asked over the web what it lists of a study that it was sent. uid: the study's,
-- as it was sent. looks: how often it was asked and told. Until it is gathered into a count, a job that was delivered
-- so has the UIDs under which it went out.
CREATE INDEX errand_count ON errand (remote, uid) WHERE kind = 4;
ALTER TABLE errand ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN sent_study TEXT;
ALTER TABLE job ADD COLUMN sent_instance TEXT;
