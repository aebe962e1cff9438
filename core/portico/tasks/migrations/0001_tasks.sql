-- safe-beside: previous
-- Tasks, and when the periodic ones are due. Times are epoch seconds of the database's clock, with a fraction.

CREATE TABLE portico_task (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- The account that it works for; NULL = the server itself.
    user_id TEXT REFERENCES portico_account (id) ON DELETE CASCADE,
    item TEXT NOT NULL,
    -- JSON.
    arguments TEXT NOT NULL,
    unique_key TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'cancelled', 'failed')),
    -- How often it was started, without the starts that a shutdown or an outage ended.
    tries BIGINT NOT NULL,
    -- How often it was claimed: together with the instance it says which run owns the row.
    claims BIGINT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    -- When `run_at` was determined. Later than now = the clock was set back meanwhile.
    queued_at DOUBLE PRECISION NOT NULL,
    run_at DOUBLE PRECISION NOT NULL,
    started_at DOUBLE PRECISION,
    finished_at DOUBLE PRECISION,
    -- The instance that runs it. If that is not alive any more, another one takes it over.
    instance_id TEXT,
    cancel_requested BOOLEAN NOT NULL,
    progress_done BIGINT NOT NULL,
    progress_total BIGINT NOT NULL,
    progress_text TEXT NOT NULL,
    error TEXT,
    -- JSON.
    result TEXT
);

CREATE UNIQUE INDEX portico_task_key ON portico_task (name, unique_key)
    WHERE status = 'pending' AND unique_key IS NOT NULL;

CREATE INDEX portico_task_due ON portico_task (name, run_at) WHERE status = 'pending';

CREATE INDEX portico_task_running ON portico_task (instance_id) WHERE status = 'running';

CREATE INDEX portico_task_active ON portico_task (user_id, status) WHERE status IN ('pending', 'running');

CREATE INDEX portico_task_user_id ON portico_task (user_id, created_at);

CREATE INDEX portico_task_created_at ON portico_task (created_at);

CREATE INDEX portico_task_finished_at ON portico_task (finished_at);

CREATE TABLE portico_task_schedule (
    name TEXT NOT NULL PRIMARY KEY,
    next_at DOUBLE PRECISION NOT NULL,
    -- The last task that was created for it.
    task_id TEXT
);
