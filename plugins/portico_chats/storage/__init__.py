"""How chats are kept: rows, what is written of a change, and what is remembered."""
