"""A SQLite file as the database: connections, group commit, encryption."""
