-- Every key of a search has an index on the levels of patients, studies and series, where one costs an instance nothing to
-- speak of; those of names hold all three groups, and those of texts the row's number, so that a pattern that begins with a
-- star is held against them alone.
CREATE INDEX patient_sex ON patient (sex);
DROP INDEX patient_name_alphabetic;
CREATE INDEX patient_name_alphabetic ON patient (name_alphabetic, name_ideographic, name_phonetic) INCLUDE (id);
CREATE INDEX study_study_time ON study (study_time);
DROP INDEX study_referring;
CREATE INDEX study_referring ON study (referring_alphabetic, referring_ideographic, referring_phonetic) INCLUDE (id);
DROP INDEX study_description;
CREATE INDEX study_description ON study (description) INCLUDE (id);
CREATE INDEX study_referring_ideographic ON study (referring_ideographic) WHERE referring_ideographic IS NOT NULL;
CREATE INDEX study_referring_phonetic ON study (referring_phonetic) WHERE referring_phonetic IS NOT NULL;

-- Those of series name the study beside, for which alone they are asked.
DROP INDEX series_performed_date;
CREATE INDEX series_performed_date ON series (performed_date, study);
CREATE INDEX series_performed_time ON series (performed_time, study);
CREATE INDEX series_number ON series (number, study);
CREATE INDEX series_description ON series (description, study);
CREATE INDEX series_body_part ON series (body_part, study);

-- The SOP classes of each study, as its column has them. A trigger writes them, so that a program of the version before
-- does too.
CREATE TABLE study_class (
    sop_class TEXT COLLATE "C" NOT NULL,
    study BIGINT NOT NULL REFERENCES study (id) ON DELETE CASCADE,
    PRIMARY KEY (sop_class, study)
);
CREATE INDEX study_class_study ON study_class (study);
CREATE FUNCTION study_classes_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM study_class WHERE study = NEW.id;
    INSERT INTO study_class (sop_class, study)
        SELECT DISTINCT one, NEW.id FROM unnest(string_to_array(NEW.sop_classes, '\')) AS one;
    RETURN NULL;
END $$;
CREATE TRIGGER study_classes_change AFTER UPDATE OF sop_classes ON study FOR EACH ROW
    WHEN (NEW.sop_classes <> OLD.sop_classes) EXECUTE FUNCTION study_classes_change();
INSERT INTO study_class (sop_class, study)
    SELECT DISTINCT one, study.id FROM study, unnest(string_to_array(study.sop_classes, '\')) AS one;
