"""Resource kinds, access to resources, policies, and reports about them.

Constants:

    MAX_POLICY_FILE_BYTES  Limit of one policy file.
    PRIVATE                The sharing of a resource that only its owner can use.
"""

from portico.permissions import (
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
    changed_kinds,
    describe_missing,
    explain_access,
    read_rights,
    subject_names,
    take_access_snapshot,
    unknown_rights,
)

__all__ = [
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
