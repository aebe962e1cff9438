"""The commands of the plugin: `portico oauth …`."""
