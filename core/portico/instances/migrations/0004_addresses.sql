-- safe-beside: previous
-- Where other instances reach this one: the path of a Unix socket, for those of the same machine, and a URL. Empty = none.

ALTER TABLE portico_instance ADD COLUMN socket_path TEXT NOT NULL DEFAULT '';
ALTER TABLE portico_instance ADD COLUMN url TEXT NOT NULL DEFAULT '';
