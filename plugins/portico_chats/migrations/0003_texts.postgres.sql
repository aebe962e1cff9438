-- What can be searched for: titles (part '') and messages (part = their id), folded to one case, long ones in pieces.

CREATE TABLE chats_text (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id TEXT NOT NULL,
    chat_id TEXT NOT NULL,
    part TEXT NOT NULL,
    text TEXT NOT NULL,
    -- 0 = not in the index yet, 1 = in the index, 2 = to be taken out of it
    state SMALLINT NOT NULL DEFAULT 0
);

CREATE INDEX chats_text_part ON chats_text (chat_id, part);
CREATE INDEX chats_text_owner ON chats_text (owner_id, chat_id);
CREATE INDEX chats_text_waiting ON chats_text (state, owner_id) WHERE state <> 1;

-- Every three neighbouring characters of a text, marked as its owner's. The same in Python: search/grams.py. Its cost
-- makes the planner use the index, and yet never think a search long enough to compile it first;
-- nor, as it is not declared safe for that, to share it among workers that take longer to start.
CREATE FUNCTION chats_grams(owner_id TEXT, text TEXT) RETURNS TSVECTOR
LANGUAGE sql IMMUTABLE STRICT COST 1000 AS $$
    SELECT array_to_tsvector(array_agg(
        left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 5) || one || two || three
    )) FROM (
        SELECT letter AS one, lead(letter, 1, E'\x01') OVER () AS two, lead(letter, 2, E'\x01') OVER () AS three
        FROM unnest(string_to_array($2, NULL)) AS letter
    ) AS gram
$$;

-- Grams are in the index alone. Being partial it takes up a text when its state says so, and not while it is written.
CREATE INDEX chats_text_grams ON chats_text USING GIN (chats_grams(owner_id, text))
WITH (gin_pending_list_limit = 1024) WHERE state = 1;

-- What the planner would learn from a sample is not worth making its grams.
ALTER INDEX chats_text_grams ALTER COLUMN 1 SET STATISTICS 0;
