-- A message is a row. What is left in chats_chat.chat is the document without its messages; the numbers say at which
-- character they go back in. Both are NULL where a document has no place for them.

ALTER TABLE chats_chat ADD COLUMN current_id TEXT;
ALTER TABLE chats_chat ADD COLUMN messages_at BIGINT;
ALTER TABLE chats_chat ADD COLUMN branch_at BIGINT;

-- Grows with every change of what is in the chat.
ALTER TABLE chats_chat ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;

CREATE TABLE chats_message (
    chat_id TEXT NOT NULL REFERENCES chats_chat (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    -- The place among the others, with room between.
    position BIGINT NOT NULL,
    parent_id TEXT,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- Who brought it: at which revision, having seen which, through which sign-in.
    since BIGINT NOT NULL,
    knew BIGINT NOT NULL,
    origin TEXT NOT NULL,
    -- The message as the client wrote it.
    body TEXT NOT NULL,
    PRIMARY KEY (chat_id, id)
);

CREATE INDEX chats_message_order ON chats_message (chat_id, position);

-- Up to which revision a chat was shown to a sign-in.
CREATE TABLE chats_seen (
    chat_id TEXT NOT NULL REFERENCES chats_chat (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (chat_id, session_id)
);

-- What was shared, as it was then.
CREATE TABLE chats_share (
    id TEXT NOT NULL PRIMARY KEY,
    chat_id TEXT NOT NULL UNIQUE REFERENCES chats_chat (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    chat TEXT NOT NULL
);

-- Names of tags as their owner spelled them first, and which chats carry them.
CREATE TABLE chats_tag (
    user_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (user_id, id)
);

CREATE TABLE chats_tagged (
    chat_id TEXT NOT NULL REFERENCES chats_chat (id) ON DELETE CASCADE,
    tag_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (chat_id, tag_id)
);

CREATE INDEX chats_tagged_owner ON chats_tagged (user_id, tag_id);

CREATE INDEX chats_chat_folder ON chats_chat (folder_id) WHERE folder_id IS NOT NULL;
