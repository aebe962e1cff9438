-- The operator's pages of law that are kept in the database: each save is a row with all of them, the last counts.
-- Times are epoch seconds.

CREATE TABLE portico_policy (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    -- The account that saved it; it may be gone by now.
    author TEXT NOT NULL,
    -- JSON: texts by name.
    pages TEXT NOT NULL
);

-- One row: the pages that were in force last, wherever they came from, so that a change is noted once, and a restart
-- does not lose the last good ones.
CREATE TABLE portico_policy_seen (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    digest TEXT NOT NULL,
    -- JSON: list of [name, place, text].
    pages TEXT NOT NULL
);

INSERT INTO portico_policy_seen (id, digest, pages) VALUES (1, '', '[]');
