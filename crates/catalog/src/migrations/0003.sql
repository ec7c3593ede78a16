-- Scheduled procedure steps, one row each (PS3.4 §K.6.1.2.1). Dates and times are those of the clock on the wall
-- where the step is to be performed: eight digits, twelve digits.
CREATE TABLE worklist (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    status TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    name_alphabetic TEXT,
    name_ideographic TEXT,
    name_phonetic TEXT,
    birth_date TEXT,
    accession TEXT,
    study_uid TEXT NOT NULL,
    step_id TEXT NOT NULL,
    modality TEXT NOT NULL,
    start_date TEXT NOT NULL,
    start_time TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    UNIQUE (study_uid, step_id)
);
CREATE INDEX worklist_start ON worklist (start_date, start_time, id);
CREATE INDEX worklist_patient ON worklist (patient_id);
CREATE INDEX worklist_name ON worklist (name_alphabetic);
CREATE INDEX worklist_accession ON worklist (accession) WHERE accession IS NOT NULL;

-- A step may be scheduled for several stations.
CREATE TABLE worklist_station (
    ae_title TEXT NOT NULL,
    item INTEGER NOT NULL REFERENCES worklist (id) ON DELETE CASCADE,
    PRIMARY KEY (ae_title, item)
) WITHOUT ROWID;
CREATE INDEX worklist_station_item ON worklist_station (item);

-- Performed procedure steps as modalities tell of them (PS3.4 §F.7). `revision` counts the changes, so that none is
-- written over another that came meanwhile.
CREATE TABLE performed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    revision INTEGER NOT NULL,
    who TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    attributes TEXT NOT NULL
);
CREATE INDEX performed_study ON performed (study_uid);
CREATE INDEX performed_changed ON performed (changed_at);

-- Which scheduled steps a performed one was for.
CREATE TABLE performed_item (
    performed INTEGER NOT NULL REFERENCES performed (id) ON DELETE CASCADE,
    item INTEGER NOT NULL REFERENCES worklist (id) ON DELETE CASCADE,
    PRIMARY KEY (performed, item)
) WITHOUT ROWID;
CREATE INDEX performed_item_item ON performed_item (item);
