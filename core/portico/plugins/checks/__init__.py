"""What is checked of one plugin at load: its hook functions, what they return, and its routes."""
