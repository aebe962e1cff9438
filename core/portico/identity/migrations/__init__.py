"""The steps that brought the tables of accounts, sessions and groups to their present shape."""
