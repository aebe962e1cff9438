-- What a record was before each change of it: who changed it, when, how, and the whole document, which is null where
-- there was none before. Neither the model nor the people have to exist any more. Times are epoch seconds.

CREATE TABLE models_version (
    model_id TEXT NOT NULL,
    -- Counts the changes of one id, from 1.
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    author TEXT NOT NULL,
    change TEXT NOT NULL,
    -- Whose the record was before the change.
    owner_id TEXT NOT NULL,
    document TEXT,
    PRIMARY KEY (model_id, number)
);

CREATE INDEX models_version_owner ON models_version (owner_id);
