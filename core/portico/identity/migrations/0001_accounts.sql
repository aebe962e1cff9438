-- People, their passwords and their sign-ins. Times are epoch seconds.

CREATE TABLE portico_account (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    username TEXT,
    role TEXT NOT NULL CHECK (role IN ('pending', 'user', 'admin')),
    name TEXT NOT NULL,
    profile_image_url TEXT NOT NULL,
    profile_banner_image_url TEXT,
    bio TEXT,
    gender TEXT,
    date_of_birth TEXT,
    timezone TEXT,
    presence_state TEXT,
    status_emoji TEXT,
    status_message TEXT,
    status_expires_at BIGINT,
    info TEXT,
    settings TEXT,
    oauth TEXT,
    epoch BIGINT NOT NULL DEFAULT 0,
    last_active_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Lists of people, newest first.
CREATE INDEX portico_account_created ON portico_account (created_at, id);

-- "Is there another administrator?"
CREATE INDEX portico_account_admin ON portico_account (id) WHERE role = 'admin';

CREATE TABLE portico_password (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES portico_account (id) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE portico_session (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);

CREATE INDEX portico_session_account ON portico_session (account_id);

CREATE INDEX portico_session_expiry ON portico_session (expires_at);

-- One row, there from the start. Whoever fills it in is the first administrator, and whoever changes who is an
-- administrator locks it first: an ordinary row lock means the same on every database.
CREATE TABLE portico_founder (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    account_id TEXT
);

INSERT INTO portico_founder (id, account_id) VALUES (1, NULL);
