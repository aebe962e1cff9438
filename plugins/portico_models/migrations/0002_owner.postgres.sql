-- A record belongs to an account that exists. Whoever left before this was watched leaves theirs to the first
-- administrator.

UPDATE models_model
SET user_id = (SELECT id FROM portico_account WHERE role = 'admin' ORDER BY created_at, id LIMIT 1)
WHERE user_id NOT IN (SELECT id FROM portico_account)
AND EXISTS (SELECT 1 FROM portico_account WHERE role = 'admin');

-- Without an administrator there is nobody whose they could be.
DELETE FROM models_model WHERE user_id NOT IN (SELECT id FROM portico_account);

-- Nothing cascades: the models of somebody who leaves are handed over or deleted first, with their history.
ALTER TABLE models_model ADD FOREIGN KEY (user_id) REFERENCES portico_account (id);

-- What is sorted by has to fit into an index.
UPDATE models_model SET sought = SUBSTR(sought, 1, 650) WHERE LENGTH(sought) > 650;

CREATE INDEX models_model_sought ON models_model (sought, id);
