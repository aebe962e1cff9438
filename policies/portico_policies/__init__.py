"""The law: who may do what, in files that are read like a page and compiled at start.

`model.conf` says how a line is applied, `base.csv` what holds everywhere, and each kind of thing has a page of its
own. Who was given access to which single thing is not law: those are rows of `portico_grant`.
"""
