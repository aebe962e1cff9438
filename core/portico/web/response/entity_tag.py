"""Entity tags: whether the copy that a client has is up to date. Source: RFC 9110, 8.8.3 and 13.1.2."""


def names_etag(if_none_match: str, etag: str) -> bool:
    """Return whether an `If-None-Match` header names this ETag, by the weak comparison. `etag`: with its quotes."""
    given = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in given or given == ["*"]
