-- safe-beside: previous
-- The hash chain: entries belong to segments, each segment has a seal, and a seal has the digest of the one before.
-- Nothing is sealed while an instance runs that does not know this migration: it would change sealed entries.

-- The segment of an entry, NULL until it has one. Entries from before the chain are segment 0.
ALTER TABLE portico_audit ADD COLUMN segment BIGINT;
-- Hides name and address in the digest of an entry; empty = it has none of them, or they were dropped.
ALTER TABLE portico_audit ADD COLUMN salt TEXT NOT NULL DEFAULT '';
-- The digest of name and address that were dropped from a sealed entry.
ALTER TABLE portico_audit ADD COLUMN dropped TEXT NOT NULL DEFAULT '';
ALTER TABLE portico_audit ADD COLUMN signature TEXT NOT NULL DEFAULT '';

UPDATE portico_audit SET segment = 0;

CREATE INDEX portico_audit_segment ON portico_audit (segment, number);

CREATE TABLE portico_audit_seal (
    segment BIGINT NOT NULL PRIMARY KEY,
    sealed_at BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    -- Which ones, such as `7-12,14`.
    numbers TEXT NOT NULL,
    -- The latest time of its entries.
    newest_at BIGINT NOT NULL,
    -- The digest of its entries.
    content TEXT NOT NULL,
    -- The digest of the seal before.
    previous TEXT NOT NULL,
    -- Why this seal does not continue the chain; empty = it does.
    broken TEXT NOT NULL DEFAULT '',
    signature TEXT NOT NULL
);
-- Monitoring counts them.
CREATE INDEX portico_audit_broken ON portico_audit_seal (segment) WHERE broken <> '';

-- One row: the end of the chain, and which process may seal until when.
CREATE TABLE portico_audit_chain (
    id INTEGER NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL DEFAULT '',
    held_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    -- The newest seal and its digest.
    segment BIGINT NOT NULL DEFAULT (-1),
    digest TEXT NOT NULL DEFAULT '',
    -- Entries of segments up to this one were deleted by the retention.
    removed_through BIGINT NOT NULL DEFAULT (-1),
    signature TEXT NOT NULL DEFAULT ''
);

INSERT INTO portico_audit_chain (id) VALUES (1);
