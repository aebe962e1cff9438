-- safe-beside: previous
-- Messages between instances that share this database and have no Redis. Rows are deleted after a minute.

CREATE TABLE portico_instance_message (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL,
    sent_at BIGINT NOT NULL,
    content TEXT NOT NULL
);

CREATE INDEX portico_instance_message_sent_at ON portico_instance_message (sent_at);
