"""Steps that make the table of familiar places."""
