"""Storage of chats: queries, writes and caches."""
