"""Which versions of Open WebUI are read, recognised by the revision of the last migration of their database."""

from typing import Final

from portico.api import OperatorError

#: Revisions before release 0.6.30, oldest first.
_TOO_OLD: Final = (
    "7e5b5dc7342b",
    "ca81bd47c050",
    "c0fbf31ca0db",
    "6a39f3d8e55c",
    "242a2047eae0",
    "1af9b942657b",
    "3ab32c4b8f59",
    "c69f45358db4",
    "c29facfe716b",
    "af906e964978",
    "4ace53fd72c8",
    "922e7a387820",
    "57c599a3cb57",
    "7826ab40b532",
    "3781e22d8b01",
    "9f0c9cd09105",
    "d31026856c01",
    "018012973d35",
    "3af16a1c9fb6",
)
#: Revisions that are read, oldest first, with the release that ends with it where one is known.
_READ: Final = (
    ("38d63c18f30f", "0.6.30"),
    ("a5c220713937", ""),
    ("37f288994c47", ""),
    ("2f1211949ecc", ""),
    ("b10670c03dd5", ""),
    ("90ef40d4714e", ""),
    ("3e0e00844bb0", "0.6.41"),
    ("6283dc0e4d8d", ""),
    ("81cc2ce44d79", ""),
    ("c440947495f3", "0.7.2"),
    ("374d2f66af06", ""),
    ("8452d01d26d7", ""),
    ("f1e2d3c4b5a6", ""),
    ("a1b2c3d4e5f6", ""),
    ("b2c3d4e5f6a7", "0.8.12"),
    ("a3dd5bedd151", ""),
    ("d4e5f6a7b8c9", ""),
    ("b7c8d9e0f1a2", ""),
    ("e1f2a3b4c5d6", ""),
    ("c1d2e3f4a5b6", ""),
    ("56359461a091", ""),
    ("4de81c2a3af1", ""),
    ("a0b1c2d3e4f5", ""),
    ("3c9b0ca343fd", ""),
    ("461111b60977", "0.9.6"),
    ("3ff2c63645b8", ""),
    ("4c5ce3d2f27f", ""),
    ("7b3f2a9c1d4e", ""),
    ("42e2978c7933", "0.10.2"),
    ("856c5b02fb54", ""),
    ("9a1b2c3d4e5f", ""),
    ("c49178636c78", ""),
    ("b0018471bbbe", ""),
    ("55f1302ac17c", ""),
    ("959eaac8f909", ""),
    ("f0bd01a18a3d", ""),
    ("1ce6ade7d93b", ""),
    ("6d09d1bf1f23", ""),
    ("d4c1a8e37b62", "0.11.4"),
    ("a7d3e9f2b641", ""),
    ("b8e4f0a3c752", ""),
    ("d6a8c3f912ab", ""),
    ("e7b9d4a023bc", ""),
    ("f8c0e5b134cd", ""),
    ("b8f2c6d91a04", ""),
    ("c92da83b017f", ""),
    ("0bd252b206fb", "0.12.4"),
)
RANGE: Final = "0.6.30 to 0.12.x"
#: Characters of an unknown revision that an error quotes.
_MAX_QUOTED: Final = 40


def recognise(heads: list[str]) -> str:
    """Return which release a database is of. `heads`: its rows of `alembic_version`.

    Raises: OperatorError for a version that is not read, with what to do.
    """
    if len(heads) != 1:
        found = ", ".join(_quoted(head) for head in heads[:5]) or "none"
        raise OperatorError(
            f"The database has not one migration head, but these: {found}. Portico reads Open WebUI {RANGE}; let that server start "
            "once, so that it completes its migrations, and import again."
        )
    head = heads[0]
    if head in _TOO_OLD:
        raise OperatorError(
            f"The migration head {head} is of a release of Open WebUI before 0.6.30. Portico reads {RANGE}: upgrade Open WebUI "
            "first, start it once, and import again."
        )
    revisions = [revision for revision, _ in _READ]
    if head not in revisions:
        raise OperatorError(
            f"The migration head {_quoted(head)} is unknown. Portico reads Open WebUI {RANGE}: upgrade Open WebUI to one of these "
            "releases first. If it is newer than they are, upgrade Portico."
        )
    return _release(revisions.index(head))


def _release(index: int) -> str:
    release = _READ[index][1]
    if release:
        return release
    before = next(name for _, name in reversed(_READ[:index]) if name)
    after = next(name for _, name in _READ[index:] if name)
    return f"between {before} and {after}"


def _quoted(head: str) -> str:
    return repr(head[:_MAX_QUOTED])
