"""The steps that make this plugin's tables."""
