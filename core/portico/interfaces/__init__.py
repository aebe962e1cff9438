"""Protocols and events that several plugins share, by topic. A plugin offers them as services or publishes them; others use them."""
