"""What a chat is: a document, a tree of messages, and what may happen to them. Nothing here knows of a database."""
