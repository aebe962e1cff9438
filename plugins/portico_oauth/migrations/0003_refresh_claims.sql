-- safe-beside: previous
-- Which process refreshes a token just now: all others wait for its result. Null while none does.
ALTER TABLE oauth_session ADD COLUMN refresh_claim TEXT;

-- Epoch seconds of the database's clock, with a fraction: from then on another process may refresh.
ALTER TABLE oauth_session ADD COLUMN refresh_claimed_until DOUBLE PRECISION;
