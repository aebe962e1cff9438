-- safe-beside: previous
-- What was shown long ago is found to be deleted.
CREATE INDEX chats_seen_at ON chats_seen (at);
