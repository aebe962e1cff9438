-- safe-beside: previous
-- Ratings of replies, and their sums by model. Times are epoch seconds, JSON is text.

-- One row for each account that has or had ratings. Writers lock it, so that its numbers are exact.
CREATE TABLE evaluations_owner (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES portico_account (id) ON DELETE CASCADE,
    feedbacks BIGINT NOT NULL DEFAULT 0,
    -- Bytes of the copies of chats that are stored with them.
    snapshot_bytes BIGINT NOT NULL DEFAULT 0
);

-- `rating`: 1 or -1; 0 = none. `model_id`: empty = not known. `vote`: what the rating adds to evaluations_score, as JSON; empty
-- = nothing. `data` is without its comment. What can be long comes last: lists are read without it.
CREATE TABLE evaluations_feedback (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES evaluations_owner (user_id) ON DELETE CASCADE,
    chat_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    type TEXT NOT NULL,
    model_id TEXT NOT NULL,
    rating BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    snapshot_bytes BIGINT NOT NULL DEFAULT 0,
    vote TEXT NOT NULL,
    meta TEXT NOT NULL,
    data TEXT NOT NULL,
    comment TEXT,
    snapshot TEXT
);

-- A second rating of a reply replaces the first.
CREATE UNIQUE INDEX evaluations_feedback_reply ON evaluations_feedback (user_id, chat_id, message_id);

CREATE INDEX evaluations_feedback_chat ON evaluations_feedback (chat_id);

CREATE INDEX evaluations_feedback_time ON evaluations_feedback (updated_at, id);

CREATE INDEX evaluations_feedback_model ON evaluations_feedback (model_id, id);

CREATE INDEX evaluations_feedback_rating ON evaluations_feedback (rating, id);

-- Sums of ratings of a model. `tag`: empty = of all ratings. `opponent_id`: empty = each rating counts once; else those in which
-- the reply was compared with a reply of this model.
CREATE TABLE evaluations_score (
    tag TEXT NOT NULL,
    model_id TEXT NOT NULL,
    opponent_id TEXT NOT NULL,
    won BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    PRIMARY KEY (tag, model_id, opponent_id)
);

CREATE INDEX evaluations_score_empty ON evaluations_score (tag) WHERE won = 0 AND lost = 0;

CREATE INDEX evaluations_score_total ON evaluations_score (opponent_id, tag);
