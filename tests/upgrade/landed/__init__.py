"""The states of the schema that landed on main, and rows as the releases of then wrote them."""
