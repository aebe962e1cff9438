-- safe-beside: previous
-- A chat belongs to an account that exists. Chats of accounts that were deleted while they were being written go now.
-- SQLite cannot add a reference to a table, so it is made anew; the messages stay where they are.

UPDATE chats_text SET state = 2 WHERE state = 1 AND owner_id NOT IN (SELECT id FROM portico_account);

DELETE FROM chats_text WHERE state = 0 AND owner_id NOT IN (SELECT id FROM portico_account);

DELETE FROM chats_message WHERE chat_id IN (
    SELECT id FROM chats_chat WHERE user_id NOT IN (SELECT id FROM portico_account)
);

DELETE FROM chats_deleted_message WHERE chat_id IN (
    SELECT id FROM chats_chat WHERE user_id NOT IN (SELECT id FROM portico_account)
);

DELETE FROM chats_seen WHERE chat_id IN (
    SELECT id FROM chats_chat WHERE user_id NOT IN (SELECT id FROM portico_account)
);

DELETE FROM chats_share WHERE chat_id IN (
    SELECT id FROM chats_chat WHERE user_id NOT IN (SELECT id FROM portico_account)
);

DELETE FROM chats_tagged WHERE chat_id IN (
    SELECT id FROM chats_chat WHERE user_id NOT IN (SELECT id FROM portico_account)
);

CREATE TABLE chats_chat_next (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    archived BOOLEAN NOT NULL DEFAULT FALSE,
    pinned BOOLEAN NOT NULL DEFAULT FALSE,
    share_id TEXT UNIQUE,
    folder_id TEXT,
    current_id TEXT,
    -- At which characters of the document the messages go back in.
    messages_at BIGINT,
    branch_at BIGINT,
    -- Grows with every change of what is in the chat.
    revision BIGINT NOT NULL DEFAULT 1,
    meta TEXT NOT NULL,
    chat TEXT NOT NULL
);

INSERT INTO chats_chat_next (
    id, user_id, title, created_at, updated_at, archived, pinned, share_id, folder_id,
    current_id, messages_at, branch_at, revision, meta, chat
)
SELECT
    id, user_id, title, created_at, updated_at, archived, pinned, share_id, folder_id,
    current_id, messages_at, branch_at, revision, meta, chat
FROM chats_chat
WHERE user_id IN (SELECT id FROM portico_account);

DROP TABLE chats_chat;

ALTER TABLE chats_chat_next RENAME TO chats_chat;

CREATE INDEX chats_chat_list ON chats_chat (user_id, archived, updated_at DESC, id);

CREATE INDEX chats_chat_folder ON chats_chat (folder_id, user_id, archived, updated_at DESC, id) WHERE folder_id IS NOT NULL;

CREATE INDEX chats_chat_pinned ON chats_chat (user_id, archived, updated_at DESC, id) WHERE pinned = TRUE;

-- Tags belong to the row of their owner, which is locked before they are changed.

CREATE TABLE chats_tag_owner_next (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES portico_account (id) ON DELETE CASCADE,
    -- How many changes there were.
    changes BIGINT NOT NULL
);

INSERT INTO chats_tag_owner_next (user_id, changes)
SELECT user_id, changes FROM chats_tag_owner WHERE user_id IN (SELECT id FROM portico_account);

INSERT OR IGNORE INTO chats_tag_owner_next (user_id, changes)
SELECT DISTINCT user_id, 0 FROM chats_tag WHERE user_id IN (SELECT id FROM portico_account);

DROP TABLE chats_tag_owner;

ALTER TABLE chats_tag_owner_next RENAME TO chats_tag_owner;

CREATE TABLE chats_tag_next (
    user_id TEXT NOT NULL REFERENCES chats_tag_owner (user_id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (user_id, id)
);

INSERT INTO chats_tag_next (user_id, id, name)
SELECT user_id, id, name FROM chats_tag WHERE user_id IN (SELECT id FROM portico_account);

DROP TABLE chats_tag;

ALTER TABLE chats_tag_next RENAME TO chats_tag;

-- What can be searched for goes with its chat, however the chat is deleted: what the index holds leaves it first.
CREATE TRIGGER chats_chat_deleted AFTER DELETE ON chats_chat
BEGIN
    DELETE FROM chats_text WHERE chat_id = OLD.id AND state = 0;
    UPDATE chats_text SET state = 2 WHERE chat_id = OLD.id AND state = 1;
END;
