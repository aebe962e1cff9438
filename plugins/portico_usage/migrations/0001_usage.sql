-- safe-beside: previous
-- What calls of models used. Times are epoch seconds, money is in millionths of the currency. An empty id = none, or of a
-- deleted account. No foreign keys: the rows are kept when accounts, chats and keys are deleted.

CREATE TABLE usage_call (
    id TEXT NOT NULL PRIMARY KEY,
    -- When it ended.
    at BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    -- The groups that the account was in: `usage_group_set.id`.
    group_set TEXT NOT NULL,
    key_id TEXT NOT NULL,
    chat_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    -- As the client named it, and as its source does.
    model TEXT NOT NULL,
    base_model TEXT NOT NULL,
    source TEXT NOT NULL,
    outcome TEXT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    is_estimated BOOLEAN NOT NULL,
    -- Null = the model had no price.
    cost BIGINT,
    -- Null = it was not answered.
    first_byte_ms BIGINT,
    duration_ms BIGINT NOT NULL
);

CREATE INDEX usage_call_at ON usage_call (at, id);
CREATE INDEX usage_call_user_id ON usage_call (user_id, at, id);

-- Sums of calls. `day`: its beginning in UTC.
CREATE TABLE usage_day (
    day BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    group_set TEXT NOT NULL,
    model TEXT NOT NULL,
    base_model TEXT NOT NULL,
    source TEXT NOT NULL,
    key_id TEXT NOT NULL,
    calls BIGINT NOT NULL,
    failed_calls BIGINT NOT NULL,
    estimated_calls BIGINT NOT NULL,
    unpriced_calls BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    PRIMARY KEY (day, user_id, group_set, model, base_model, source, key_id)
);

CREATE INDEX usage_day_user_id ON usage_day (user_id, day);

-- Groups that an account was in together. The same groups have the same id.
CREATE TABLE usage_group_set (
    id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    PRIMARY KEY (id, group_id)
);

CREATE INDEX usage_group_set_group_id ON usage_group_set (group_id);
