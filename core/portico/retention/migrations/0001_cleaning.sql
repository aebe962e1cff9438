-- Which instance deletes old rows: whoever moves this time on. Epoch seconds of the database's clock.

CREATE TABLE portico_cleaning (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    worked_at BIGINT NOT NULL
);

INSERT INTO portico_cleaning (id, worked_at) VALUES (1, 0);
