-- Keys of people's programs. Times are epoch seconds, JSON is text. No key is in here: a digest, and of some a copy that
-- is locked under a secret from elsewhere.

-- Whoever makes a key takes this row first, so that two at once cannot both be the last that is allowed.
CREATE TABLE keys_owner (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES portico_account (id) ON DELETE CASCADE,
    -- How many there ever were.
    made BIGINT NOT NULL
);

CREATE TABLE keys_key (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- How it begins, for people to know it by.
    prefix TEXT NOT NULL,
    -- SHA-256, hexadecimal.
    digest TEXT NOT NULL,
    -- JSON arrays; null = everything its owner may do.
    endpoints TEXT,
    scopes TEXT,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    -- The key itself, locked; only of the one that clients show again.
    locked TEXT
);

CREATE UNIQUE INDEX keys_key_digest ON keys_key (digest);

CREATE INDEX keys_key_account ON keys_key (account_id, created_at);

CREATE INDEX keys_key_created ON keys_key (created_at, id);

-- Clients show one key for each person.
CREATE UNIQUE INDEX keys_key_shown ON keys_key (account_id) WHERE locked IS NOT NULL;
