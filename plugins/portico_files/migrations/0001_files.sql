-- Files. Times are epoch seconds, JSON is text. The contents are in the store, each under the id of its file.

-- How many files an account has, and their bytes: one statement checks a limit and counts.
CREATE TABLE files_owner (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES portico_account (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);

CREATE TABLE files_file (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES files_owner (user_id) ON DELETE CASCADE,
    filename TEXT NOT NULL,
    -- The name as a search compares it.
    search_name TEXT NOT NULL,
    -- What the content is, whatever the client says.
    content_type TEXT NOT NULL,
    -- Whether all of the content is UTF-8.
    is_text BOOLEAN NOT NULL,
    size BIGINT NOT NULL,
    hash TEXT NOT NULL,
    -- Whether its client asked for it to be made readable for models.
    is_processed BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- The client's own JSON.
    metadata TEXT NOT NULL
);

CREATE INDEX files_file_user ON files_file (user_id, created_at, id);

CREATE INDEX files_file_created ON files_file (created_at, id);

-- Texts that a client has set in place of the content of a file.
CREATE TABLE files_text (
    file_id TEXT NOT NULL PRIMARY KEY REFERENCES files_file (id) ON DELETE CASCADE,
    content TEXT NOT NULL
);

-- Objects of the store that belong to no file, or not yet: those of uploads that are under way, and those that are to be
-- deleted. So each object has a row at any time, here or in files_file.
CREATE TABLE files_loose_object (
    id TEXT NOT NULL PRIMARY KEY,
    -- The instance that uploads it; null = it is to be deleted.
    instance_id TEXT,
    created_at BIGINT NOT NULL
);
