-- Groups of people, what membership permits, and who is a member. JSON is kept as text. Times are epoch seconds.

CREATE TABLE portico_group (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    data TEXT,
    meta TEXT,
    permissions TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE portico_group_member (
    group_id TEXT NOT NULL REFERENCES portico_group (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (group_id, account_id)
);

CREATE INDEX portico_group_member_account ON portico_group_member (account_id);
