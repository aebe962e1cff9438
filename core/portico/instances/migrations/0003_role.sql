-- safe-beside: previous
-- What the process does: 'server' answers requests, 'worker' runs tasks only. Earlier releases have servers only.

ALTER TABLE portico_instance ADD COLUMN role TEXT NOT NULL DEFAULT 'server';
