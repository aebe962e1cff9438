-- Documents kept under a name, to make models of. JSON is text; access_control is null where a template says nothing
-- about it. Times are epoch seconds.

CREATE TABLE models_template (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- The name without case, blanks and look-alike forms.
    likeness TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    params TEXT NOT NULL,
    meta TEXT NOT NULL,
    access_control TEXT,
    user_id TEXT NOT NULL REFERENCES portico_account (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX models_template_user ON models_template (user_id);
