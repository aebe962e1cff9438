-- The columns and events of the audit log get their present names.
-- Not safe beside an instance of an earlier release: it reads the table by the former names.

ALTER TABLE portico_audit RENAME COLUMN what TO event;
ALTER TABLE portico_audit RENAME COLUMN subject_kind TO resource_kind;
ALTER TABLE portico_audit RENAME COLUMN subject_id TO resource_id;
ALTER TABLE portico_audit RENAME COLUMN was TO old;
ALTER TABLE portico_audit RENAME COLUMN became TO new;

UPDATE portico_audit SET
    resource_kind = CASE
        WHEN event = 'secret.adopted' THEN 'secret_key'
        WHEN event = 'secret.rotated' THEN 'encryption_key'
        WHEN event = 'settings.changed' THEN 'settings'
        WHEN event = 'permissions.changed' THEN 'default_permissions'
        WHEN event IN ('key.created', 'key.changed', 'key.revoked') THEN 'api_key'
        ELSE resource_kind
    END,
    event = CASE event
        WHEN 'sign_in.ended' THEN 'session.ended'
        WHEN 'sign_in.all_ended' THEN 'session.all_ended'
        WHEN 'secret.adopted' THEN 'secret_key.replaced'
        WHEN 'secret.rotated' THEN 'encryption_key.rotated'
        WHEN 'grants.changed' THEN 'grant.changed'
        WHEN 'settings.changed' THEN 'setting.changed'
        WHEN 'permissions.changed' THEN 'default_permissions.changed'
        WHEN 'key.created' THEN 'api_key.created'
        WHEN 'key.changed' THEN 'api_key.changed'
        WHEN 'key.revoked' THEN 'api_key.revoked'
        ELSE event
    END
WHERE event IN (
    'sign_in.ended', 'sign_in.all_ended', 'secret.adopted', 'secret.rotated', 'grants.changed', 'settings.changed',
    'permissions.changed', 'key.created', 'key.changed', 'key.revoked'
);
