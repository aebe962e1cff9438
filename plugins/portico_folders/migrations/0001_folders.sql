-- Folders. Times are epoch seconds, JSON is text. What can be long comes last: the list is read without it.

-- Whoever changes folders takes the row of their owner first, so that two moves at once cannot make a ring and two
-- who create cannot both be the last that is allowed.
CREATE TABLE folders_owner (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES portico_account (id) ON DELETE CASCADE,
    -- How many changes there were.
    changes BIGINT NOT NULL
);

CREATE TABLE folders_folder (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES folders_owner (user_id) ON DELETE CASCADE,
    -- Null at the root. No reference: one that is gone is answered as none.
    parent_id TEXT,
    name TEXT NOT NULL,
    -- The name without case: no two of one parent are alike.
    likeness TEXT NOT NULL,
    -- The likeness with underscores as blanks, as a search writes it.
    words TEXT NOT NULL,
    is_expanded BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- What the list shows of meta; null where there is no meta.
    icon TEXT,
    meta TEXT,
    data TEXT
);

-- Null would be unlike null.
CREATE UNIQUE INDEX folders_folder_sibling ON folders_folder (user_id, COALESCE(parent_id, ''), likeness);

CREATE INDEX folders_folder_parent ON folders_folder (parent_id);
