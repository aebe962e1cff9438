"""What clients send and receive: bodies, ids, and the validation of their fields."""
