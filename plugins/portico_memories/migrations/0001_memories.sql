-- safe-beside: previous
-- Memories. Times are epoch seconds.

CREATE TABLE memories_memory (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    content TEXT NOT NULL,
    -- The content folded to one case.
    search_text TEXT NOT NULL
);

CREATE INDEX memories_memory_newest ON memories_memory (user_id, updated_at, id);
