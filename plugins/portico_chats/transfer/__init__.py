"""Taking chats along and bringing them in."""
