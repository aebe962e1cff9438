-- safe-beside: previous
-- Messages between instances that share this database and have no Redis. Rows are deleted after a minute; a crash of the
-- server may lose them.

CREATE UNLOGGED TABLE portico_instance_message (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sender TEXT NOT NULL,
    sent_at BIGINT NOT NULL,
    content TEXT NOT NULL
);

CREATE INDEX portico_instance_message_sent_at ON portico_instance_message (sent_at);
