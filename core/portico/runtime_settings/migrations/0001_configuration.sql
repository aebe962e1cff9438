-- What is set at run time: one row for each name that was ever set. Values are JSON, times epoch seconds.

CREATE TABLE portico_configuration (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- An account that may be gone by now; empty for the command line or the server itself.
    updated_by TEXT NOT NULL
);
