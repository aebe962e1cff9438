-- Columns with plain names: the name that no two folders of one parent share, and the name that a search compares.
-- Not safe beside an instance of an earlier release: it reads and writes them by the former names.

ALTER TABLE folders_folder RENAME COLUMN likeness TO normalized_name;
ALTER TABLE folders_folder RENAME COLUMN words TO search_name;
