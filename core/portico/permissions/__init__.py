"""Access control: policies from CSV files, grants from rows, and the one place that decides.

`Permissions.allows` and `require` decide for one resource, `where_allowed` gives the SQL condition for a list, and
`Grants` stores what is shared with whom. `PolicyService` loads the policy files, watches them and activates changes.
"""

from portico.permissions.access_grants import read_rights, unknown_rights
from portico.permissions.decisions import EVERY_ROW, Permissions, SQLCondition
from portico.permissions.grants import Grants, describe_missing
from portico.permissions.policies.files import (
    BASE_POLICY,
    MAX_POLICY_FILE_BYTES,
    InvalidPolicy,
    PolicyFile,
)
from portico.permissions.policies.parser import RoleRule
from portico.permissions.policies.service import PolicyService
from portico.permissions.policies.versions import PolicyVersion
from portico.permissions.policy_set import PolicySet
from portico.permissions.reports.access_report import (
    AccessChange,
    AccessSnapshot,
    AllowedAccount,
    changed_kinds,
    take_access_snapshot,
)
from portico.permissions.reports.explain import AccessExplanation, AppliedRule, explain_access
from portico.permissions.reports.subject_names import subject_names
from portico.permissions.resource import PackagedPolicy, PolicyRule, Resource, ResourceKind
from portico.permissions.sharing import PRIVATE, Share, Sharing, read_access_control
from portico.permissions.subjects import EVERYONE, READER
from portico.permissions.tables import TABLES

__all__ = [
    "EVERY_ROW",
    "BASE_POLICY",
    "EVERYONE",
    "MAX_POLICY_FILE_BYTES",
    "PRIVATE",
    "READER",
    "TABLES",
    "AccessChange",
    "AccessExplanation",
    "AccessSnapshot",
    "AllowedAccount",
    "AppliedRule",
    "Grants",
    "InvalidPolicy",
    "PackagedPolicy",
    "Permissions",
    "PolicyFile",
    "PolicyRule",
    "PolicyService",
    "PolicySet",
    "PolicyVersion",
    "Resource",
    "ResourceKind",
    "RoleRule",
    "SQLCondition",
    "Share",
    "Sharing",
    "changed_kinds",
    "describe_missing",
    "explain_access",
    "read_access_control",
    "read_rights",
    "subject_names",
    "take_access_snapshot",
    "unknown_rights",
]
