-- Who changed what. Times are epoch seconds, JSON is text.

CREATE TABLE portico_audit (
    -- Grows, and is never used twice.
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    -- An account that may be gone by now; empty for the command line, a policy file or the server itself.
    author TEXT NOT NULL,
    what TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    was TEXT,
    became TEXT
);

CREATE INDEX portico_audit_subject ON portico_audit (subject_kind, subject_id, number);

CREATE INDEX portico_audit_author ON portico_audit (author, number);

CREATE INDEX portico_audit_at ON portico_audit (at);
