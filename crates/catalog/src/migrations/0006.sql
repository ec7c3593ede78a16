-- Prepared metadata, many instances of a series to a sheet. form: how the body is written; instances: of how many it
-- tells. Nothing here is the truth: what is missing is made anew from the objects.
CREATE TABLE sheet (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    form INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX sheet_series ON sheet (series);
