"""Tags of chats."""
