"""What administrators should know without having to look for it."""

import msgspec


class AdministratorAlert(msgspec.Struct, frozen=True):
    """Something happened that administrators should know, such as a rejected policy file. Publish it wherever it is noticed.

    `kind`: `<plugin>:<word>`, `portico:` for the core. `about`: what it concerns, such as the name of a source. `message`:
    what happened and what to do, in sentences without secrets. Several processes may notice the same thing, and each again
    and again: who tells administrators does so once an hour for each `kind` and `about`.
    """

    kind: str
    about: str
    message: str
