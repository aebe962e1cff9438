"""What clients send, and how they are told what is wrong with it."""
