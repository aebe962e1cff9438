-- From where somebody signed in before. `id` is a keyed digest of an account's name and a network: whoever reads this
-- learns neither.

CREATE TABLE portico_familiar (
    id TEXT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
);

CREATE INDEX portico_familiar_seen ON portico_familiar (seen_at);
