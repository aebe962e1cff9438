"""Export, import and synchronization of models."""
