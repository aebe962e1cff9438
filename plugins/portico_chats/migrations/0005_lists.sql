-- Whoever changes somebody's tags takes this row first, so that a tag is not swept up while it is wanted again.
CREATE TABLE chats_tag_owner (
    user_id TEXT NOT NULL PRIMARY KEY,
    -- How many changes there were.
    changes BIGINT NOT NULL
);

-- What lies in a folder, and what is pinned, the last changed first. They begin with all that is asked for, because
-- SQLite, which has not counted the rows, takes the index of which it can use most.
DROP INDEX chats_chat_folder;
CREATE INDEX chats_chat_folder ON chats_chat (folder_id, user_id, archived, updated_at DESC, id) WHERE folder_id IS NOT NULL;
CREATE INDEX chats_chat_pinned ON chats_chat (user_id, archived, updated_at DESC, id) WHERE pinned = TRUE;
