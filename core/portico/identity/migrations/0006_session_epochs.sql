-- A sign-in counts in the epoch of its account. One that is kept when all others end goes along to the next; one that is
-- just being opened with what was true before does not.

ALTER TABLE portico_session ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;

UPDATE portico_session SET epoch = (SELECT a.epoch FROM portico_account a WHERE a.id = portico_session.account_id);
