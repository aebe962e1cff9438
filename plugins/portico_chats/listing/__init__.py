"""Looking at many chats at once."""
