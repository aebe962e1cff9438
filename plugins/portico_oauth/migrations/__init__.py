"""The steps that brought the tables of sign-ins at other providers to their present shape."""
