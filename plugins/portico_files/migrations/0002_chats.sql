-- safe-beside: previous
-- In which chats models got which files: those of a deleted chat are deleted with it, unless others have them.

CREATE TABLE files_chat (
    file_id TEXT NOT NULL REFERENCES files_file (id) ON DELETE CASCADE,
    chat_id TEXT NOT NULL,
    PRIMARY KEY (file_id, chat_id)
);

CREATE INDEX files_chat_chat ON files_chat (chat_id);
