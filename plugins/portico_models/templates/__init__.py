"""Templates of models."""
