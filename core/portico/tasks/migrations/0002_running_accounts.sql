-- safe-beside: previous
-- The running tasks by account: how many each account runs is counted whenever tasks are claimed.

DROP INDEX portico_task_running;

CREATE INDEX portico_task_running ON portico_task (user_id, instance_id) WHERE status = 'running';
