"""May they: the law from policy files, the grants from rows, one function that decides and one for lists.

`enact` puts policies into force, `decide` and `require` answer for one thing, `visible` gives the condition for a
list, and `grants` keeps what was shared with whom.
"""

from portico.permissions.decide import Condition, Permissions
from portico.permissions.grants import Grants
from portico.permissions.policy import BadPolicy
from portico.permissions.resource import PolicyFile, PolicyLine, Resource, ResourceKind
from portico.permissions.sharing import PRIVATE, Sharing, read_access_control
from portico.permissions.tables import TABLES

__all__ = [
    "PRIVATE",
    "TABLES",
    "BadPolicy",
    "Condition",
    "Grants",
    "Permissions",
    "PolicyFile",
    "PolicyLine",
    "Resource",
    "ResourceKind",
    "Sharing",
    "read_access_control",
]
