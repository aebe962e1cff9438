"""Measurements that one runs by hand: they print figures and assert nothing."""
