DELETE FROM chats_chat WHERE id = $1 AND chats_chat.user_id = $2 RETURNING user_id
DELETE FROM chats_deleted_message WHERE at < $1
DELETE FROM chats_seen WHERE at < $1
DELETE FROM chats_text WHERE chat_id = $1 AND state = 0 AND part IN ($2)
DELETE FROM portico_account WHERE id = $1
DELETE FROM portico_attempt WHERE expires_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AND key IN (SELECT key FROM portico_attempt WHERE expires_at < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) LIMIT $1)
DELETE FROM portico_familiar WHERE seen_at < $1
DELETE FROM portico_grant WHERE principal_kind = $1 AND principal_id = $2
DELETE FROM portico_group WHERE id = $1
DELETE FROM portico_instance WHERE id = $1
DELETE FROM portico_instance WHERE seen_at < CAST(strftime('%s', 'now') AS BIGINT) - $1
DELETE FROM portico_session WHERE account_id = $1
DELETE FROM portico_session WHERE expires_at < $1
INSERT INTO chats_chat (id, user_id, title, created_at, updated_at, archived, pinned, folder_id, meta, chat, messages_at, branch_at, current_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
INSERT INTO chats_gram (chats_gram, rank) VALUES ('merge', $1)
INSERT INTO chats_gram (rowid, grams) VALUES ($1, $2)
INSERT INTO chats_message (chat_id, id, position, parent_id, role, created_at, updated_at, since, knew, origin, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (chat_id, id) DO UPDATE SET position = excluded.position, parent_id = excluded.parent_id, role = excluded.role, updated_at = excluded.updated_at, body = excluded.body
INSERT INTO chats_seen (chat_id, session_id, revision, at) SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT) WHERE EXISTS (SELECT 1 FROM chats_chat WHERE id = $1) ON CONFLICT (chat_id, session_id) DO UPDATE SET revision = excluded.revision, at = excluded.at WHERE chats_seen.revision < excluded.revision
INSERT INTO chats_text (owner_id, chat_id, part, text) VALUES ($1, $2, $3, $4)
INSERT INTO models_change (model_id, revision) VALUES ($1, (SELECT number FROM models_revision WHERE id = 1)) ON CONFLICT (model_id) DO UPDATE SET revision = excluded.revision
INSERT INTO models_model (id, base_model_id, name, sought, is_active, meta, params, updated_at, created_at, likeness, user_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
INSERT INTO models_revision (id, number) VALUES (1, 0)
INSERT INTO models_tag (model_id, name, label) VALUES ($1, $2, $3)
INSERT INTO models_version (model_id, number, at, author, change, owner_id, document) VALUES ($1, $2, $3, $4, $5, $6, $7)
INSERT INTO portico_account (id, email, role, name, profile_image_url, folded, last_active_at, updated_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7)
INSERT INTO portico_attempt (key, attempts, expires_at) VALUES ($1, $2, $3), ($4, $5, $6), ($7, $8, $9) ON CONFLICT (key) DO UPDATE SET attempts = excluded.attempts, expires_at = excluded.expires_at
INSERT INTO portico_attempt (key, attempts, expires_at) VALUES ($1, $2, $3), ($4, $5, $6), ($7, $8, $9) ON CONFLICT (key) DO UPDATE SET attempts = portico_attempt.attempts RETURNING key, attempts, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now
INSERT INTO portico_audit (at, author, what, subject_kind, subject_id, was, became) VALUES ($1, $2, $3, $4, $5, $6, $7)
INSERT INTO portico_database (id, database_id, created_at) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING
INSERT INTO portico_familiar (id, seen_at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
INSERT INTO portico_founder (id, account_id) VALUES (1, NULL)
INSERT INTO portico_grant (id, resource_kind, resource_id, action, principal_kind, principal_id, position, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
INSERT INTO portico_group (id, account_id, name, description, data, permissions, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
INSERT INTO portico_group_member (group_id, account_id, created_at) SELECT CAST($1 AS TEXT), a.id, CAST($2 AS BIGINT) FROM portico_account a WHERE a.id IN ($3) ON CONFLICT DO NOTHING RETURNING account_id
INSERT INTO portico_instance (id, version, release, host, process, started_at, seen_at, newest_steps, tolerated_steps) VALUES ($1, $2, $3, $4, $5, CAST(strftime('%s', 'now') AS BIGINT), CAST(strftime('%s', 'now') AS BIGINT), $6, '{}') ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at
INSERT INTO portico_password (account_id, hash, updated_at) VALUES ($1, $2, $3) ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, updated_at = excluded.updated_at
INSERT INTO portico_policy_seen (id, digest, pages) VALUES (1, '', '[]')
INSERT INTO portico_secret (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING
INSERT INTO portico_session (id, account_id, created_at, expires_at, method, address, user_agent, provider_session, last_seen_at, epoch) SELECT CAST($1 AS TEXT), a.id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS TEXT), CAST($9 AS TEXT), CAST($2 AS BIGINT), a.epoch FROM portico_account a WHERE a.id = $4 AND a.epoch = $5 RETURNING id
INSERT INTO portico_vault (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING
SELECT 'everyone' AS tie FROM portico_grant g WHERE g.resource_kind = $1 AND g.resource_id = $2 AND g.action = 'read' AND g.principal_kind = 'everyone' UNION ALL SELECT 'reader' FROM portico_grant g WHERE g.resource_kind = $1 AND g.resource_id = $2 AND g.action = 'read' AND g.principal_kind = 'user' AND g.principal_id = $3 UNION ALL SELECT 'writer' FROM portico_grant g WHERE g.resource_kind = $1 AND g.resource_id = $2 AND g.action = 'write' AND g.principal_kind = 'user' AND g.principal_id = $3 UNION ALL SELECT DISTINCT 'reader' FROM portico_grant g CROSS JOIN portico_group_member m WHERE g.resource_kind = $1 AND g.resource_id = $2 AND g.action = 'read' AND g.principal_kind = 'group' AND m.group_id = g.principal_id AND m.account_id = $3 UNION ALL SELECT DISTINCT 'writer' FROM portico_grant g CROSS JOIN portico_group_member m WHERE g.resource_kind = $1 AND g.resource_id = $2 AND g.action = 'write' AND g.principal_kind = 'group' AND m.group_id = g.principal_id AND m.account_id = $3
SELECT * FROM chats_chat WHERE id = $1
SELECT * FROM models_model ORDER BY created_at, id
SELECT * FROM models_model WHERE id = $1
SELECT * FROM models_model WHERE id IN ($1)
SELECT * FROM portico_audit WHERE what = 'grants.changed' ORDER BY number DESC
SELECT * FROM pragma_foreign_key_check LIMIT 1
SELECT 1 AS one FROM chats_chat WHERE chats_chat.user_id = $1 AND archived = FALSE AND (chats_chat.user_id = $2) LIMIT 1 OFFSET $3
SELECT 1 AS there FROM chats_deleted_message WHERE chat_id = $1 AND id = $2
SELECT 1 AS there FROM chats_tag WHERE user_id = $1 LIMIT 1
SELECT 1 AS there FROM folders_folder WHERE user_id = $1 AND id = $2
SELECT 1 AS waits FROM chats_text WHERE state <> 1 LIMIT 1
SELECT 1 FROM portico_account LIMIT 1
SELECT 1 FROM portico_group WHERE account_id = $1 LIMIT 1
SELECT 1 FROM sqlite_master WHERE name = 'portico_instance'
SELECT COUNT(*) AS n FROM chats_text WHERE state <> 1
SELECT COUNT(*) AS total FROM models_model WHERE models_model.base_model_id IS NOT NULL AND 1 = 1
SELECT COUNT(*) AS total FROM models_version WHERE model_id = $1 AND number >= $2
SELECT DISTINCT resource_kind, resource_id FROM portico_grant WHERE principal_kind = $1 AND principal_id = $2 ORDER BY resource_kind, resource_id
SELECT MAX(number) AS number FROM portico_policy
SELECT MAX(position) AS position FROM chats_message WHERE chat_id = $1
SELECT a.id, a.email, a.name, a.role, a.profile_image_url, s.id AS session_id FROM portico_session s JOIN portico_account a ON a.id = s.account_id WHERE s.id = $1 AND a.id = $2 AND a.epoch = s.epoch
SELECT block.*, COALESCE(( SELECT TRUE FROM chats_text t WHERE t.chat_id = block.id AND t.state <> 2 AND instr(t.text, $5) > 0 LIMIT 1 ), FALSE) AS found FROM ( SELECT id, title, updated_at, created_at FROM chats_chat WHERE chats_chat.user_id = $1 AND archived = FALSE AND (1 = 1) AND updated_at <= $2 AND (updated_at < $2 OR id > $3) ORDER BY updated_at DESC, id LIMIT $4 ) AS block ORDER BY updated_at DESC, id
SELECT block.*, COALESCE(( SELECT TRUE FROM chats_text t WHERE t.chat_id = block.id AND t.state <> 2 AND instr(t.text, $6) > 0 LIMIT 1 ), FALSE) AS found FROM ( SELECT id, title, updated_at, created_at FROM chats_chat WHERE chats_chat.user_id = $1 AND archived = FALSE AND (chats_chat.user_id = $2) AND updated_at <= $3 AND (updated_at < $3 OR id > $4) ORDER BY updated_at DESC, id LIMIT $5 ) AS block ORDER BY updated_at DESC, id
SELECT database_id FROM portico_database WHERE id = 1
SELECT fingerprint FROM portico_secret WHERE id = 1
SELECT fingerprint FROM portico_vault WHERE id = 1
SELECT g.*, (SELECT COUNT(*) FROM portico_group_member m WHERE m.group_id = g.id) AS member_count FROM portico_group g WHERE g.id = $1
SELECT g.permissions FROM portico_group_member m JOIN portico_group g ON g.id = m.group_id WHERE m.account_id = $1 AND g.permissions IS NOT NULL ORDER BY g.id
SELECT group_id FROM portico_group_member WHERE account_id = $1
SELECT id AS id FROM models_model WHERE models_model.id IN (SELECT resource_id FROM portico_grant WHERE principal_kind = 'everyone' AND resource_kind = $1 AND action = $2 UNION ALL SELECT own.id FROM models_model own WHERE own.user_id = $3 UNION ALL SELECT resource_id FROM portico_grant WHERE principal_kind = 'user' AND principal_id = $3 AND resource_kind = $1 AND action = $2 UNION ALL SELECT resource_id FROM portico_group_member CROSS JOIN portico_grant WHERE principal_kind = 'group' AND principal_id = group_id AND account_id = $3 AND resource_kind = $1 AND action = $2)
SELECT id FROM models_model WHERE user_id = $1
SELECT id FROM portico_account WHERE id IN ($1)
SELECT id FROM portico_account WHERE role = 'admin' ORDER BY created_at LIMIT $1
SELECT id FROM portico_group WHERE id IN ($1)
SELECT id, body FROM chats_message WHERE chat_id = $1 ORDER BY position, id
SELECT id, email, username, role, name, profile_image_url, profile_banner_image_url, bio, gender, date_of_birth, timezone, presence_state, status_emoji, status_message, status_expires_at, info, settings, oauth, epoch, last_active_at, updated_at, created_at FROM portico_account WHERE email = $1
SELECT id, email, username, role, name, profile_image_url, profile_banner_image_url, bio, gender, date_of_birth, timezone, presence_state, status_emoji, status_message, status_expires_at, info, settings, oauth, epoch, last_active_at, updated_at, created_at FROM portico_account WHERE id = $1
SELECT id, email, username, role, name, profile_image_url, profile_banner_image_url, bio, gender, date_of_birth, timezone, presence_state, status_emoji, status_message, status_expires_at, info, settings, oauth, epoch, last_active_at, updated_at, created_at, (SELECT hash FROM portico_password WHERE account_id = portico_account.id) AS hash FROM portico_account WHERE email = $1
SELECT id, likeness, user_id, base_model_id, (1 = 1) AS may_write, (1 = 1) AS may_share FROM models_model WHERE id IN ($1)
SELECT id, position, parent_id, since, knew, origin, body FROM chats_message WHERE chat_id = $1 AND id IN ($2)
SELECT id, role FROM portico_account WHERE id = COALESCE((SELECT a.id FROM portico_founder f JOIN portico_account a ON a.id = f.account_id WHERE f.id = 1), (SELECT id FROM portico_account ORDER BY created_at, id LIMIT 1))
SELECT id, title, updated_at, created_at FROM chats_chat WHERE chats_chat.user_id = $1 AND archived = FALSE AND (chats_chat.user_id = $2) ORDER BY updated_at DESC, id LIMIT 60 OFFSET $3
SELECT id, title, updated_at, created_at FROM chats_chat WHERE user_id = $1 AND archived = FALSE AND pinned = FALSE AND folder_id IS NULL ORDER BY updated_at DESC, id
SELECT id, title, updated_at, created_at FROM chats_chat WHERE user_id = $1 AND archived = FALSE AND pinned = FALSE AND folder_id IS NULL ORDER BY updated_at DESC, id LIMIT $2 OFFSET $3
SELECT id, user_id, title, updated_at, created_at, share_id, archived, pinned, meta, folder_id, revision FROM chats_chat WHERE id = $1 AND chats_chat.user_id = $2
SELECT id, user_id, title, updated_at, created_at, share_id, archived, pinned, meta, folder_id, revision, chat AS text, messages_at, branch_at, current_id, (SELECT group_concat(json_quote(m.id) || ':' || m.body, ',') FROM (SELECT id, body FROM chats_message WHERE chat_id = chats_chat.id ORDER BY position, id) m) AS messages, CASE WHEN branch_at IS NOT NULL THEN (SELECT group_concat(json_array(m.id, m.parent_id), ',') FROM chats_message m WHERE m.chat_id = chats_chat.id) END AS links FROM chats_chat WHERE id = $1 AND chats_chat.user_id = $2
SELECT key, attempts, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now FROM portico_attempt WHERE key IN ($1, $2)
SELECT model_id FROM models_change WHERE revision > $1 ORDER BY revision LIMIT $2
SELECT model_id, MAX(number) AS number FROM models_version WHERE model_id IN ($1) GROUP BY model_id
SELECT models_model.*, (1 = 1) AS may_write, owner.name AS owner_name, owner.role AS owner_role, owner.email AS owner_email FROM models_model LEFT JOIN portico_account owner ON owner.id = models_model.user_id WHERE models_model.base_model_id IS NOT NULL AND 1 = 1 ORDER BY models_model.created_at DESC, models_model.id LIMIT $1 OFFSET $2
SELECT name, value FROM portico_configuration WHERE substr(name, 1, CAST($2 AS INTEGER)) = $1
SELECT number FROM models_revision WHERE id = 1
SELECT number, owner_id, text, state FROM chats_text WHERE state <> 1 ORDER BY state DESC LIMIT $1
SELECT number, pages FROM portico_policy ORDER BY number DESC LIMIT 1
SELECT number, was, became FROM portico_audit WHERE subject_kind = $1 AND subject_id = $2
SELECT pages FROM portico_policy_seen WHERE id = 1
SELECT resource_id, action, principal_kind, principal_id FROM portico_grant WHERE resource_kind = $1 AND resource_id IN ($2) ORDER BY resource_id, position
SELECT resource_id, action, principal_kind, principal_id FROM portico_grant WHERE resource_kind = $1 ORDER BY resource_id, position
SELECT seen_at FROM portico_familiar WHERE id = $1
SELECT user_id FROM chats_chat WHERE id = $1
SELECT v.model_id, v.number, v.at, v.author, v.change, v.owner_id, who.name AS author_name FROM models_version v LEFT JOIN portico_account who ON who.id = v.author WHERE v.model_id = $1 AND v.number >= $2 ORDER BY v.number DESC LIMIT $3 OFFSET $4
SELECT v.model_id, v.number, v.at, v.author, v.change, v.owner_id, who.name AS author_name FROM models_version v LEFT JOIN portico_account who ON who.id = v.author WHERE v.model_id = $1 ORDER BY v.number DESC LIMIT 1
SELECT v.model_id, v.number, v.at, v.author, v.change, v.owner_id, who.name AS author_name, v.document FROM models_version v LEFT JOIN portico_account who ON who.id = v.author WHERE v.model_id = $1 AND v.number = $2
UPDATE chats_chat SET title = $2, chat = $3, messages_at = $4, branch_at = $5, current_id = $6 WHERE id = $1
UPDATE chats_chat SET updated_at = $2, revision = revision + 1 WHERE id = $1 AND chats_chat.user_id = $3 RETURNING id, user_id, title, updated_at, created_at, share_id, archived, pinned, meta, folder_id, revision, chat AS text, messages_at, branch_at, current_id
UPDATE chats_text SET state = 1 WHERE number = $1 AND state = 0
UPDATE chats_text SET state = 2 WHERE chat_id = $1 AND state = 1 AND part IN ($2)
UPDATE folders_owner SET changes = changes + 1 WHERE user_id = $1
UPDATE models_model SET user_id = $2 WHERE user_id = $1
UPDATE models_revision SET number = number + 1 WHERE id = 1
UPDATE models_template SET user_id = $2 WHERE user_id = $1
UPDATE portico_account SET epoch = epoch + 1 WHERE id = $1
UPDATE portico_attempt SET attempts = $2 WHERE key = $1
UPDATE portico_audit SET was = $2, became = $3 WHERE number = $1
UPDATE portico_founder SET account_id = $1 WHERE id = 1 AND account_id IS NULL AND NOT EXISTS (SELECT 1 FROM portico_account) RETURNING id
UPDATE portico_founder SET account_id = account_id WHERE id = 1
UPDATE portico_group SET account_id = $1 WHERE account_id = $2
UPDATE portico_group SET name = name WHERE id = $1
UPDATE portico_group SET updated_at = $1 WHERE id = $2
UPDATE portico_policy_seen SET digest = $1, pages = $2 WHERE id = 1 AND digest <> $1
UPDATE portico_policy_seen SET digest = digest WHERE id = 1
UPDATE portico_session SET epoch = (SELECT a.epoch FROM portico_account a WHERE a.id = portico_session.account_id)
WITH RECURSIVE chain (id, base, depth) AS (SELECT id, base_model_id, 1 FROM models_model WHERE id = $1 UNION ALL SELECT below.id, below.base_model_id, chain.depth + 1 FROM models_model below JOIN chain ON below.id = chain.base WHERE chain.depth < 8) SELECT id, base FROM chain
WITH seen (id, seen_at) AS (VALUES (CAST($1 AS TEXT), CAST($2 AS BIGINT))) UPDATE portico_account SET last_active_at = seen.seen_at FROM seen WHERE portico_account.id = seen.id AND COALESCE(portico_account.last_active_at, 0) < seen.seen_at
WITH seen (id, seen_at) AS (VALUES (CAST($1 AS TEXT), CAST($2 AS BIGINT))) UPDATE portico_session SET last_seen_at = seen.seen_at FROM seen WHERE portico_session.id = seen.id AND COALESCE(portico_session.last_seen_at, 0) < seen.seen_at
WITH seen (id, seen_at) AS (VALUES (CAST($1 AS TEXT), CAST($2 AS BIGINT)), (CAST($3 AS TEXT), CAST($4 AS BIGINT))) UPDATE portico_account SET last_active_at = seen.seen_at FROM seen WHERE portico_account.id = seen.id AND COALESCE(portico_account.last_active_at, 0) < seen.seen_at
WITH seen (id, seen_at) AS (VALUES (CAST($1 AS TEXT), CAST($2 AS BIGINT)), (CAST($3 AS TEXT), CAST($4 AS BIGINT))) UPDATE portico_session SET last_seen_at = seen.seen_at FROM seen WHERE portico_session.id = seen.id AND COALESCE(portico_session.last_seen_at, 0) < seen.seen_at
WITH seen (id, seen_at) AS (VALUES (CAST($1 AS TEXT), CAST($2 AS BIGINT)), (CAST($3 AS TEXT), CAST($4 AS BIGINT)), (CAST($5 AS TEXT), CAST($6 AS BIGINT))) UPDATE portico_account SET last_active_at = seen.seen_at FROM seen WHERE portico_account.id = seen.id AND COALESCE(portico_account.last_active_at, 0) < seen.seen_at
WITH seen (id, seen_at) AS (VALUES (CAST($1 AS TEXT), CAST($2 AS BIGINT)), (CAST($3 AS TEXT), CAST($4 AS BIGINT)), (CAST($5 AS TEXT), CAST($6 AS BIGINT))) UPDATE portico_session SET last_seen_at = seen.seen_at FROM seen WHERE portico_session.id = seen.id AND COALESCE(portico_session.last_seen_at, 0) < seen.seen_at
WITH seen AS MATERIALIZED (SELECT rowid AS number FROM chats_gram WHERE chats_gram MATCH $3 LIMIT -1 + 1), counted AS MATERIALIZED (SELECT COUNT(*) AS texts FROM seen), hit (chat_id) AS MATERIALIZED ( SELECT (SELECT t.chat_id FROM chats_text t WHERE t.number = seen.number AND t.state = 1 AND instr(t.text, $4) > 0) FROM counted CROSS JOIN seen WHERE counted.texts <= -1 UNION ALL SELECT t.chat_id FROM counted CROSS JOIN chats_text t WHERE counted.texts <= -1 AND t.owner_id = $1 AND t.state <> 1 AND t.state = 0 AND instr(t.text, $4) > 0 ) SELECT page.*, texts FROM counted LEFT JOIN ( SELECT id, title, updated_at, created_at FROM chats_chat WHERE chats_chat.user_id = $1 AND archived = FALSE AND (chats_chat.user_id = $2) AND id IN (SELECT chat_id FROM hit) ORDER BY updated_at DESC, id LIMIT 60 OFFSET $5 ) AS page ON TRUE ORDER BY updated_at DESC, id
WITH seen AS MATERIALIZED (SELECT rowid AS number FROM chats_gram WHERE chats_gram MATCH $3 LIMIT 1000000 + 1), counted AS MATERIALIZED (SELECT COUNT(*) AS texts FROM seen), hit (chat_id) AS MATERIALIZED ( SELECT (SELECT t.chat_id FROM chats_text t WHERE t.number = seen.number AND t.state = 1 AND instr(t.text, $4) > 0) FROM counted CROSS JOIN seen WHERE counted.texts <= 1000000 UNION ALL SELECT t.chat_id FROM counted CROSS JOIN chats_text t WHERE counted.texts <= 1000000 AND t.owner_id = $1 AND t.state <> 1 AND t.state = 0 AND instr(t.text, $4) > 0 ) SELECT page.*, texts FROM counted LEFT JOIN ( SELECT id, title, updated_at, created_at FROM chats_chat WHERE chats_chat.user_id = $1 AND archived = FALSE AND (chats_chat.user_id = $2) AND id IN (SELECT chat_id FROM hit) ORDER BY updated_at DESC, id LIMIT 60 OFFSET $5 ) AS page ON TRUE ORDER BY updated_at DESC, id
