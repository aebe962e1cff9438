-- The tables of the first account and of identity links get their present names, and sessions that of a renamed provider.
-- Not safe beside an instance of an earlier release: it reads the tables by the former names.

ALTER TABLE portico_founder RENAME TO portico_first_account;
ALTER TABLE portico_link RENAME TO portico_identity_link;
DROP INDEX portico_link_account;
CREATE INDEX portico_identity_link_account ON portico_identity_link (account_id);

UPDATE portico_session SET method = 'single_user' WHERE method = 'solo';
