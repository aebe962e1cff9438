-- safe-beside: previous
-- The secrets that sign what is sent to webhooks, and when administrators were last told of an alert.

-- `id`: `administrators`, or the id of an account for its own webhook. `secret`: encrypted JSON with the address and the
-- secret, so that another address gets another secret.
CREATE TABLE webhooks_secret (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT REFERENCES portico_account (id) ON DELETE CASCADE,
    secret TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX webhooks_secret_user ON webhooks_secret (user_id);

-- `sent_at`: epoch seconds of the database's clock.
CREATE TABLE webhooks_alert (
    kind TEXT NOT NULL,
    about TEXT NOT NULL,
    sent_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (kind, about)
);

CREATE INDEX webhooks_alert_sent_at ON webhooks_alert (sent_at);
