"""The tests. A package, so that no package `tests` of a library is imported instead."""
