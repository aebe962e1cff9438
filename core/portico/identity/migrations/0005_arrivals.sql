-- How each sign-in came about, and what people are called by the providers that vouch for them.

ALTER TABLE portico_session ADD COLUMN method TEXT NOT NULL DEFAULT 'password';
ALTER TABLE portico_session ADD COLUMN address TEXT;
ALTER TABLE portico_session ADD COLUMN user_agent TEXT;
ALTER TABLE portico_session ADD COLUMN provider_session TEXT;
ALTER TABLE portico_session ADD COLUMN last_seen_at BIGINT;

-- A provider says that a session of its own is over.
CREATE INDEX portico_session_provided ON portico_session (method, provider_session) WHERE provider_session IS NOT NULL;

CREATE TABLE portico_link (
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (provider, subject)
);

CREATE INDEX portico_link_account ON portico_link (account_id);
