-- safe-beside: previous
-- The list of one's own ratings, the last changed first.
CREATE INDEX evaluations_feedback_own ON evaluations_feedback (user_id, updated_at, id);
