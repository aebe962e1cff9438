-- A record belongs to an account that exists. Whoever left before this was watched leaves theirs to the first
-- administrator. SQLite cannot add a reference to a table, so it is made anew.

CREATE TABLE models_model_next (
    id TEXT NOT NULL PRIMARY KEY,
    likeness TEXT NOT NULL UNIQUE,
    -- Nothing cascades: the models of somebody who leaves are handed over or deleted first, with their history.
    user_id TEXT NOT NULL REFERENCES portico_account (id),
    base_model_id TEXT,
    name TEXT NOT NULL,
    -- What a search looks into, and what is sorted by: the beginning of name and base, folded to one case.
    sought TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    updated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    meta TEXT NOT NULL,
    params TEXT NOT NULL
);

INSERT INTO models_model_next
SELECT
    id,
    likeness,
    CASE
        WHEN user_id IN (SELECT id FROM portico_account) THEN user_id
        ELSE (SELECT id FROM portico_account WHERE role = 'admin' ORDER BY created_at, id LIMIT 1)
    END,
    base_model_id,
    name,
    SUBSTR(sought, 1, 650),
    is_active,
    updated_at,
    created_at,
    meta,
    params
FROM models_model
-- Without an administrator there is nobody whose they could be.
WHERE user_id IN (SELECT id FROM portico_account) OR EXISTS (SELECT 1 FROM portico_account WHERE role = 'admin');

DELETE FROM models_tag WHERE model_id NOT IN (SELECT id FROM models_model_next);

DROP TABLE models_model;

ALTER TABLE models_model_next RENAME TO models_model;

CREATE INDEX models_model_user ON models_model (user_id);

CREATE INDEX models_model_base ON models_model (base_model_id);

CREATE INDEX models_model_created ON models_model (created_at, id);

CREATE INDEX models_model_updated ON models_model (updated_at, id);

CREATE INDEX models_model_sought ON models_model (sought, id);
