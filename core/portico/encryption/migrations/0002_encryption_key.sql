-- The table of the current encryption key gets its present name.
-- Not safe beside an instance of an earlier release: it reads the table by the former name.

ALTER TABLE portico_vault RENAME TO portico_encryption_key;
