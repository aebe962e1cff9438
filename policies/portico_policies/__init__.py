"""Packaged policy files: who may do what, compiled at start.

`model.conf` is the Casbin model, `base.csv` has the rules for every kind, and each kind of resource has a file of its
own. Access to single resources is not in policies but in grants: rows of `portico_grant`.
"""
