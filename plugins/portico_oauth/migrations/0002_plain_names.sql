-- Tables and columns with plain names.
ALTER TABLE oauth_session RENAME COLUMN leave_url TO end_session_url;
ALTER TABLE oauth_spent RENAME TO oauth_used_token;
DROP INDEX oauth_spent_expiry;
CREATE INDEX oauth_used_token_expiry ON oauth_used_token (expires_at);
