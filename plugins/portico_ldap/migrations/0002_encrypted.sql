-- The column is named after what it holds: an encrypted text.
ALTER TABLE ldap_secret RENAME COLUMN locked TO encrypted;
