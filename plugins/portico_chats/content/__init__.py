"""Content of a chat: the document, the message tree, and message events. Nothing here uses a database."""
