-- Conversations. Times are epoch seconds. The document comes last: what is listed can be read without it.

CREATE TABLE chats_chat (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    title TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    archived BOOLEAN NOT NULL DEFAULT FALSE,
    pinned BOOLEAN NOT NULL DEFAULT FALSE,
    share_id TEXT UNIQUE,
    folder_id TEXT,
    meta TEXT NOT NULL,
    chat TEXT NOT NULL
);

-- Somebody's list, newest first; also what is deleted with an account.
CREATE INDEX chats_chat_list ON chats_chat (user_id, archived, updated_at DESC, id);
