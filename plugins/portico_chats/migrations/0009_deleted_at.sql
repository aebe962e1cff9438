-- safe-beside: previous
-- Which messages were deleted long ago is found to be forgotten.
CREATE INDEX chats_deleted_message_at ON chats_deleted_message (at);
