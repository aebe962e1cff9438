"""What clients are sent."""
