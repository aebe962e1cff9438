-- Which secret key signs the sessions of this database: a fingerprint, from which the key cannot be found.

CREATE TABLE portico_secret (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    fingerprint TEXT NOT NULL
);
