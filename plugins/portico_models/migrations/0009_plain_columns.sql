-- Column names that say what they contain: the text a search matches, and normalized ids and names.

ALTER TABLE models_model RENAME COLUMN sought TO search_text;

ALTER TABLE models_model RENAME COLUMN likeness TO normalized_id;

ALTER TABLE models_template RENAME COLUMN likeness TO normalized_name;
