"""What is checked between plugins: what only one can have, `plugins.replace`, placeholders, and resource kinds."""
