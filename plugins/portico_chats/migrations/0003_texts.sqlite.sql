-- What can be searched for: titles (part '') and messages (part = their id), folded to one case, long ones in pieces.

CREATE TABLE chats_text (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
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

-- Grams of the texts, under their number. It keeps no texts of its own.
CREATE VIRTUAL TABLE chats_gram USING fts5(grams, content='', detail=none, columnsize=0, tokenize='ascii');

-- What it has written is merged little by little by whoever writes, never much at once.
INSERT INTO chats_gram (chats_gram, rank) VALUES ('automerge', 0);
INSERT INTO chats_gram (chats_gram, rank) VALUES ('crisismerge', 200);
