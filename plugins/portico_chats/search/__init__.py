"""Full-text search in chats."""
