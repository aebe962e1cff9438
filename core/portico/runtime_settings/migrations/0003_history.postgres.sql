-- safe-beside: previous
-- What was stored before each change, so that it can be undone.

-- Of the last change; 0 = it was changed by an earlier release, or never.
ALTER TABLE portico_configuration ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

CREATE TABLE portico_configuration_change (
    -- Grows, and is never used twice.
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    -- An account that may be gone by now; empty for the command line.
    author TEXT NOT NULL
);

CREATE INDEX portico_configuration_change_at ON portico_configuration_change (at);

CREATE TABLE portico_configuration_history (
    id TEXT NOT NULL PRIMARY KEY,
    change BIGINT NOT NULL REFERENCES portico_configuration_change (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- JSON; empty = nothing was stored, or it holds secrets and is in the next column.
    value TEXT NOT NULL,
    encrypted TEXT NOT NULL
);

CREATE UNIQUE INDEX portico_configuration_history_name ON portico_configuration_history (name, change);

CREATE INDEX portico_configuration_history_change ON portico_configuration_history (change);
