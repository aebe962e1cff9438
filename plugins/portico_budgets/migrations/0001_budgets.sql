-- safe-beside: previous
-- Budgets. `amount`: the limit; of money in millionths of the currency. `period`: empty = none, for concurrency.
-- `subject_id`: of an account, a group, an API key or a model; empty for everyone.
CREATE TABLE budgets_budget (
    id TEXT NOT NULL PRIMARY KEY,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    unit TEXT NOT NULL,
    period TEXT NOT NULL,
    amount BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE UNIQUE INDEX budgets_budget_subject ON budgets_budget (subject_kind, subject_id, unit, period);

-- One row. `revision` grows with every change of a budget.
CREATE TABLE budgets_revision (
    id BIGINT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);

INSERT INTO budgets_revision (id, revision) VALUES (1, 0);

-- What was used of a budget in a period, and what running calls have reserved. Its row is locked by whoever changes the
-- amounts below it. `kept_until`: epoch seconds; the row is deleted after that.
CREATE TABLE budgets_counter (
    budget_id TEXT NOT NULL,
    period_start BIGINT NOT NULL,
    used BIGINT NOT NULL DEFAULT 0,
    reserved BIGINT NOT NULL DEFAULT 0,
    kept_until BIGINT NOT NULL,
    PRIMARY KEY (budget_id, period_start)
);

CREATE INDEX budgets_counter_kept ON budgets_counter (kept_until);

-- The part of one process in a counter: what it has reserved, until `expires_at` (seconds of the database's clock), and
-- what its calls have used since it started. `spare`: what was reserved for calls to come.
CREATE TABLE budgets_part (
    budget_id TEXT NOT NULL,
    period_start BIGINT NOT NULL,
    instance_id TEXT NOT NULL,
    reserved BIGINT NOT NULL,
    spare BIGINT NOT NULL,
    used BIGINT NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL,
    kept_until BIGINT NOT NULL,
    PRIMARY KEY (budget_id, period_start, instance_id)
);

CREATE INDEX budgets_part_kept ON budgets_part (kept_until);

CREATE INDEX budgets_part_expiry ON budgets_part (expires_at) WHERE reserved <> 0;
