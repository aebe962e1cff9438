"""Groups, who is in them, and what the permission tree permits by them."""
