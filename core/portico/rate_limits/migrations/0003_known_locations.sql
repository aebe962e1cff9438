-- The table of known locations gets its present name.
-- Not safe beside an instance of an earlier release: it reads the table by the former name.

ALTER TABLE portico_familiar RENAME TO portico_known_location;
DROP INDEX portico_familiar_seen;
CREATE INDEX portico_known_location_seen ON portico_known_location (seen_at);
