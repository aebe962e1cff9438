"""The order in which kinds are imported."""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from portico.errors import OperatorError
from portico.transfer.kinds import TransferKind


def in_import_order(kinds: Iterable[TransferKind]) -> list[TransferKind]:
    """Return kinds so that each comes after those it names. Raises: OperatorError if they name each other."""
    by_name = {kind.name: kind for kind in kinds}
    sorter = TopologicalSorter(
        {name: [one for one in kind.after if one in by_name] for name, kind in by_name.items()}
    )
    try:
        return [by_name[name] for name in sorter.static_order()]
    except CycleError as error:
        cycle = " → ".join(error.args[1])
        raise OperatorError(
            f"The kinds {cycle} are to be imported after each other. Disable the plugin of one of them."
        ) from None
