"""The tests. A package, so that no `tests` that came along with a library is taken for it."""
