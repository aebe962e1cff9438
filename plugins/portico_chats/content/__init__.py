"""Content of a chat: what is stored, the document as it is sent, the message tree, and message events. No database."""
