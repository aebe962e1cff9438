-- safe-beside: previous
-- Prompts. Times are epoch seconds. The content comes last: lists are sorted and searched without it.

CREATE TABLE prompts_prompt (
    id TEXT NOT NULL PRIMARY KEY,
    -- As its author wrote it, without the slash.
    command TEXT NOT NULL,
    -- Without case and look-alike forms: two commands that a user could confuse cannot both exist.
    normalized_command TEXT NOT NULL UNIQUE,
    -- Nothing cascades: the prompts of a deleted account are transferred or deleted first, with their grants.
    user_id TEXT NOT NULL REFERENCES portico_account (id),
    title TEXT NOT NULL,
    -- The beginning of command and title, folded to one case.
    search_text TEXT NOT NULL,
    -- Bytes of the content.
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    content TEXT NOT NULL
);

CREATE INDEX prompts_prompt_user ON prompts_prompt (user_id);

CREATE INDEX prompts_prompt_updated ON prompts_prompt (updated_at, id);
