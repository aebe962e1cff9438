-- safe-beside: previous
-- Values that hold secrets, such as keys of providers, are here and encrypted; `value` is empty then.
ALTER TABLE portico_configuration ADD COLUMN encrypted TEXT NOT NULL DEFAULT '';
