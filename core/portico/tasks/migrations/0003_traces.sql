-- safe-beside: previous
-- The trace that a task belongs to, as W3C Trace Context names it; NULL = none.

ALTER TABLE portico_task ADD COLUMN traceparent TEXT;
