"""Resource kinds, access to resources, policies, and reports about them.

Constants:

    EVERY_ROW              The condition that every row meets.
    MAX_POLICY_FILE_BYTES  Limit of one policy file.
    PRIVATE                The sharing of a resource that only its owner can use.
"""

from portico.permissions import (
    EVERY_ROW,
    MAX_POLICY_FILE_BYTES,
    PRIVATE,
    AccessChange,
    AccessExplanation,
    AccessSnapshot,
    AllowedAccount,
    InvalidPolicy,
    PackagedPolicy,
    PolicyFile,
    PolicyRule,
    PolicySet,
    PolicyVersion,
    Resource,
    ResourceKind,
    RoleRule,
    Share,
    Sharing,
    SQLCondition,
    changed_kinds,
    describe_missing,
    explain_access,
    read_rights,
    subject_names,
    take_access_snapshot,
    unknown_rights,
)

__all__ = [
    "EVERY_ROW",
    "MAX_POLICY_FILE_BYTES",
    "PRIVATE",
    "AccessChange",
    "AccessExplanation",
    "AccessSnapshot",
    "AllowedAccount",
    "InvalidPolicy",
    "PackagedPolicy",
    "PolicyFile",
    "PolicyRule",
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
    "read_rights",
    "subject_names",
    "take_access_snapshot",
    "unknown_rights",
]
