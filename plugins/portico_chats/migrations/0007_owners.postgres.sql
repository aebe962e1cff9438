-- safe-beside: previous
-- A chat belongs to an account that exists. Chats of accounts that were deleted while they were being written go now.

DELETE FROM chats_text WHERE owner_id NOT IN (SELECT id FROM portico_account);

DELETE FROM chats_chat WHERE user_id NOT IN (SELECT id FROM portico_account);

DELETE FROM chats_text t WHERE t.state <> 2 AND NOT EXISTS (SELECT 1 FROM chats_chat c WHERE c.id = t.chat_id);

ALTER TABLE chats_chat ADD FOREIGN KEY (user_id) REFERENCES portico_account (id) ON DELETE CASCADE;

-- Tags belong to the row of their owner, which is locked before they are changed.

DELETE FROM chats_tag WHERE user_id NOT IN (SELECT id FROM portico_account);

DELETE FROM chats_tag_owner WHERE user_id NOT IN (SELECT id FROM portico_account);

INSERT INTO chats_tag_owner (user_id, changes) SELECT DISTINCT user_id, 0 FROM chats_tag ON CONFLICT DO NOTHING;

ALTER TABLE chats_tag_owner ADD FOREIGN KEY (user_id) REFERENCES portico_account (id) ON DELETE CASCADE;

ALTER TABLE chats_tag ADD FOREIGN KEY (user_id) REFERENCES chats_tag_owner (user_id) ON DELETE CASCADE;

-- What can be searched for goes with its chat, however the chat is deleted: what the index holds leaves it first.
CREATE FUNCTION chats_drop_texts() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM chats_text t USING gone WHERE t.chat_id = gone.id AND t.state = 0;
    UPDATE chats_text t SET state = 2 FROM gone WHERE t.chat_id = gone.id AND t.state = 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER chats_chat_deleted AFTER DELETE ON chats_chat
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION chats_drop_texts();
