-- Commitments that are asked over the web, kind 3 of errand: nobody is called, who asked comes for the result.
-- inquirer: who asked, as the trail names it; of no other kind. sight: what it sees, as a JSON object; NULL: everything.
-- state: 0 open, 3 decided, 4 the result is not kept any more. expires_at: until when it is kept.
ALTER TABLE errand ADD COLUMN inquirer TEXT;
ALTER TABLE errand ADD COLUMN sight TEXT;
CREATE UNIQUE INDEX errand_inquiry ON errand (uid, inquirer) WHERE kind = 3;
CREATE INDEX errand_inquirer ON errand (inquirer, state, id) WHERE kind = 3;
CREATE INDEX errand_kept ON errand (expires_at) WHERE kind = 3 AND state = 3;

-- Where the instance is said to be; NULL: nothing was said.
ALTER TABLE errand_item ADD COLUMN study TEXT;
ALTER TABLE errand_item ADD COLUMN series TEXT;
