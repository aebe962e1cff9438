-- Records of the workspace: presets (base_model_id set) and overrides (null). Times are epoch seconds, JSON is text.

CREATE TABLE models_model (
    id TEXT NOT NULL PRIMARY KEY,
    -- The id without case, blanks and look-alike forms: two models that a person could confuse cannot both exist.
    likeness TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    base_model_id TEXT,
    name TEXT NOT NULL,
    -- What a search looks into: name and base, folded to one case.
    sought TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    updated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    meta TEXT NOT NULL,
    params TEXT NOT NULL
);

CREATE INDEX models_model_user ON models_model (user_id);

CREATE INDEX models_model_base ON models_model (base_model_id);

CREATE INDEX models_model_created ON models_model (created_at, id);

CREATE INDEX models_model_updated ON models_model (updated_at, id);

-- Tags out of meta, folded to one case, for the tag filter.
CREATE TABLE models_tag (
    model_id TEXT NOT NULL REFERENCES models_model (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (model_id, name)
);

CREATE INDEX models_tag_name ON models_tag (name, model_id);

-- One number that grows with each change. Whoever writes takes it first, so writers take turns.
CREATE TABLE models_revision (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
);

INSERT INTO models_revision (id, number) VALUES (1, 0);
