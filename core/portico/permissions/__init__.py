"""May they: the law from policy files, the grants from rows, one function that decides and one for lists.

`decide` and `require` answer for one thing, `visible` gives the condition for a list, and `grants` keeps what was
shared with whom. The keeper sees to it that the law in force is the one that is written.
"""

from portico.permissions.access_grants import read_rights, unknown_rights
from portico.permissions.decide import Condition, Permissions
from portico.permissions.explain import Because, Explanation, explain
from portico.permissions.grants import Grants, describe_missing
from portico.permissions.keeper import Keeper
from portico.permissions.law import Law
from portico.permissions.naming import names_in
from portico.permissions.pages import HOUSE_RULES, LARGEST_PAGE, BadPolicy, Page
from portico.permissions.policy import RoleLine, Rule
from portico.permissions.relations import EVERYONE, READER
from portico.permissions.resource import PolicyFile, PolicyLine, Resource, ResourceKind
from portico.permissions.sharing import PRIVATE, Share, Sharing, read_access_control
from portico.permissions.stored import Version
from portico.permissions.survey import Allowed, Shift, Survey, differing, survey
from portico.permissions.tables import TABLES

__all__ = [
    "EVERYONE",
    "HOUSE_RULES",
    "LARGEST_PAGE",
    "PRIVATE",
    "TABLES",
    "Allowed",
    "BadPolicy",
    "Because",
    "Condition",
    "Explanation",
    "Grants",
    "Keeper",
    "Law",
    "READER",
    "Page",
    "Permissions",
    "PolicyFile",
    "PolicyLine",
    "Resource",
    "ResourceKind",
    "RoleLine",
    "Rule",
    "Share",
    "Sharing",
    "Shift",
    "Survey",
    "Version",
    "describe_missing",
    "differing",
    "explain",
    "names_in",
    "read_access_control",
    "read_rights",
    "survey",
    "unknown_rights",
]
