-- Words of names, folded as fuzzy matching compares them: whoever is looked for by the beginnings of words is found
-- by an index. Rows that are here already are filled in after this migration, a few at a time, up to `after`.
CREATE TABLE patient_word (
    word TEXT NOT NULL,
    patient INTEGER NOT NULL,
    PRIMARY KEY (word, patient)
) WITHOUT ROWID;
CREATE INDEX patient_word_patient ON patient_word (patient);
CREATE TRIGGER patient_words_go AFTER DELETE ON patient BEGIN
    DELETE FROM patient_word WHERE patient = OLD.id;
END;

-- Those of the referring physician.
CREATE TABLE study_word (
    word TEXT NOT NULL,
    study INTEGER NOT NULL,
    PRIMARY KEY (word, study)
) WITHOUT ROWID;
CREATE INDEX study_word_study ON study_word (study);
CREATE TRIGGER study_words_go AFTER DELETE ON study BEGIN
    DELETE FROM study_word WHERE study = OLD.id;
END;

CREATE TABLE unfilled (what TEXT PRIMARY KEY, after INTEGER NOT NULL);
INSERT INTO unfilled VALUES ('patient_word', 0), ('study_word', 0);

-- Anatomic Regions in Study Code Sequence as a DICOM JSON object: the codes of Anatomic Region Sequence in the study's
-- instances, each once; empty when there is none.
ALTER TABLE study ADD COLUMN regions TEXT NOT NULL DEFAULT '';
