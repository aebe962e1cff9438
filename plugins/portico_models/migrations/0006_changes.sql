-- At which revision each model was changed last, the ones that are gone as well: what a list has to catch up with.

CREATE TABLE models_change (
    model_id TEXT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);

CREATE INDEX models_change_revision ON models_change (revision);
