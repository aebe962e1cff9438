"""Route handlers, one module for each family of URLs. They are above everything else in this plugin."""
