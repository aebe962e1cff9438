"""Which account or group of this instance one of the source is."""


class PrincipalMap:
    """The accounts, or the groups, of a source, each with its id here or the reason why it was not taken.

    The kinds `accounts` and `groups` fill it in each run; all other kinds read it. An id that it does not have is that of no
    principal: leave it out, and never give its rights to others in its place. `word`: "account" or "group".
    """

    def __init__(self, word: str) -> None:
        self._word = word
        self._here: dict[str, str] = {}
        self._refused: dict[str, str] = {}

    def add(self, source_id: str, here: str) -> None:
        """Say that a principal of the source is the one with the id `here`."""
        self._refused.pop(source_id, None)
        self._here[source_id] = here

    def refuse(self, source_id: str, reason: str) -> None:
        """Say that a principal of the source was not taken. `reason`: a sentence."""
        self._here.pop(source_id, None)
        self._refused[source_id] = reason

    def get(self, source_id: str | None) -> str | None:
        """Return the id here; None = it was not taken, or the source has no such principal."""
        return None if source_id is None else self._here.get(source_id)

    def reason(self, source_id: str | None) -> str:
        """Return why `get` returns None, in a sentence."""
        refused = self._refused.get(source_id or "")
        if refused:
            return f"its {self._word} was not taken: {refused}"
        return f"the source has no such {self._word}"

    def __contains__(self, source_id: object) -> bool:
        return source_id in self._here

    def __len__(self) -> int:
        return len(self._here)
