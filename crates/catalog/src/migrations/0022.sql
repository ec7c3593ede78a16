-- Which series of some studies have a number is known without their rows: every study has one of number 1.
CREATE INDEX series_study_number ON series (study, number);
