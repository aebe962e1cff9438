"""Benchmarks, run by hand: they print figures and assert nothing. `test_benchmarks.py` runs each with small numbers."""
