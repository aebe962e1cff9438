-- safe-beside: previous
-- Attempts that all instances count together where there is no Redis. `key` is a keyed digest, so nobody reads out of it
-- which account or address it stands for. A row is written by whoever holds its lock.

CREATE TABLE portico_attempt (
    key TEXT NOT NULL PRIMARY KEY,
    -- JSON: pairs of an attempt's id and its time, in epoch milliseconds, the oldest first. Never more than the limit.
    attempts TEXT NOT NULL,
    -- Epoch milliseconds.
    expires_at BIGINT NOT NULL
);

CREATE INDEX portico_attempt_expiry ON portico_attempt (expires_at);
