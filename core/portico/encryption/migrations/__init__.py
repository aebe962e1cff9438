"""The steps that brought the table of the key in use to its present shape."""
