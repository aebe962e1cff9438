-- safe-beside: previous

-- Messages that were deleted, for some days: whatever still writes to one, such as a reply under way, does not bring it back.
CREATE TABLE chats_deleted_message (
    chat_id TEXT NOT NULL REFERENCES chats_chat (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (chat_id, id)
);
