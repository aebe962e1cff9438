-- Tables and columns with plain names.
-- Not safe beside an instance of an earlier release: it reads and writes them by the former names.

ALTER TABLE chats_message RENAME COLUMN since TO created_revision;
ALTER TABLE chats_message RENAME COLUMN knew TO known_revision;
ALTER TABLE chats_message RENAME COLUMN origin TO session_id;

ALTER TABLE chats_seen RENAME TO chats_seen_revision;
DROP INDEX chats_seen_at;
CREATE INDEX chats_seen_revision_at ON chats_seen_revision (at);

ALTER TABLE chats_tagged RENAME TO chats_chat_tag;
DROP INDEX chats_tagged_owner;
CREATE INDEX chats_chat_tag_owner ON chats_chat_tag (user_id, tag_id);
