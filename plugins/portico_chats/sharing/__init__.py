"""Shares (snapshots that other users can read) and copies of chats."""
