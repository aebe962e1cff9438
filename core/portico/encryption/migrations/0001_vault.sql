-- Which key locks what must be read again: a fingerprint, from which the key cannot be found.

CREATE TABLE portico_vault (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    fingerprint TEXT NOT NULL
);
