"""What is said about a chat besides its content: pinned, archived, filed, tagged."""
