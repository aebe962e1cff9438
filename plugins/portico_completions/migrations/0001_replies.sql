-- safe-beside: previous
-- Replies in the making, and their text as it grows. The rows are deleted when a reply ends: its text is in the chat then.

CREATE TABLE completions_reply (
    -- Also the id of the task that clients list and stop.
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE,
    chat_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    -- The instance that generates it. If it is not alive any more, the reply was interrupted.
    instance_id TEXT NOT NULL,
    started_at BIGINT NOT NULL
);

CREATE INDEX completions_reply_user_id ON completions_reply (user_id);
CREATE INDEX completions_reply_chat_id ON completions_reply (chat_id);

CREATE TABLE completions_reply_change (
    reply_id TEXT NOT NULL REFERENCES completions_reply (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    -- From this character on the text was replaced by `text`.
    start BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (reply_id, number)
);

-- Replies that ended while a server stopped, when their account had no socket: clients learn of it when they are back.
CREATE TABLE completions_unheard_end (
    reply_id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE,
    chat_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    ended_at BIGINT NOT NULL
);

CREATE INDEX completions_unheard_end_user_id ON completions_unheard_end (user_id);
