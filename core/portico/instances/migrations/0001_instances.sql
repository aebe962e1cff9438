-- The processes that serve from this database, and the database's own id. Times are epoch seconds of its clock.

CREATE TABLE portico_instance (
    id TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    -- The version together with the steps this instance knows: what tells two releases apart.
    release TEXT NOT NULL,
    host TEXT NOT NULL,
    -- Machine, process namespace, process id and its start, so that a dead one is known on the same machine.
    process TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    -- JSON: the newest step it knows of each owner of tables.
    newest_steps TEXT NOT NULL,
    -- JSON: the steps, by owner, that a newer release has applied and declared safe beside this instance.
    tolerated_steps TEXT NOT NULL
);

CREATE INDEX portico_instance_seen_at ON portico_instance (seen_at);

CREATE TABLE portico_database (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    database_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
