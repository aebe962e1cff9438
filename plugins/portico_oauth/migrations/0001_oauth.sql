-- What is kept of sign-ins at other providers. Times are epoch seconds.

-- What a provider gave at a sign-in; it goes with the sign-in. Both tokens are locked.
CREATE TABLE oauth_session (
    id TEXT NOT NULL PRIMARY KEY REFERENCES portico_session (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    token TEXT NOT NULL,
    -- Empty where there is none.
    id_token TEXT NOT NULL,
    -- Where the browser is sent to sign out there too, as it was announced at the sign-in; empty = nowhere.
    leave_url TEXT NOT NULL,
    -- Null where the provider does not say.
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX oauth_session_account ON oauth_session (account_id);

-- What can be used once and was: states of sign-ins, and logout tokens. A hash, kept for as long as the thing is good.
CREATE TABLE oauth_spent (
    id TEXT NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE INDEX oauth_spent_expiry ON oauth_spent (expires_at);
