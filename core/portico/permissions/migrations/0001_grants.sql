-- Who was given what: one row for each thing, action and person, group, or everyone. Times are epoch seconds.

CREATE TABLE portico_grant (
    id TEXT NOT NULL PRIMARY KEY,
    resource_kind TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('read', 'write')),
    principal_kind TEXT NOT NULL CHECK (principal_kind IN ('user', 'group', 'everyone')),
    -- An account, a group, or nothing for everyone. Always a name, never a pattern.
    principal_id TEXT NOT NULL,
    -- Place in the list it came in, so that clients get back what they sent.
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CHECK ((principal_kind = 'everyone') = (principal_id = ''))
);

-- Each grant once; also what is read to show the grants of one thing.
CREATE UNIQUE INDEX portico_grant_once
    ON portico_grant (resource_kind, resource_id, action, principal_kind, principal_id);

-- "What was I given?"
CREATE INDEX portico_grant_principal
    ON portico_grant (principal_kind, principal_id, resource_kind, action, resource_id);
