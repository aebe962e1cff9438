"""Accounts, groups, sessions, authentication and default permissions. `Identity` is the facade."""

from portico.identity.accounts.account import Account, Role
from portico.identity.accounts.account_list import AccountQuery, AccountSummary
from portico.identity.accounts.account_record import (
    AccountRecord,
    EpochSeconds,
    PrincipalId,
    account_record,
    imported_account,
    imported_hash,
    imported_links,
)
from portico.identity.accounts.account_rows import ExistingAccount, StoredAccount
from portico.identity.accounts.accounts import Accounts
from portico.identity.accounts.changes import AccountChanges
from portico.identity.accounts.email_address import (
    check_email,
    domain_key,
    email_key,
    is_same_address,
)
from portico.identity.accounts.events import (
    AccountChanged,
    AccountCreated,
    AccountDeleted,
    AccountDeleting,
    AccountSigningUp,
)
from portico.identity.accounts.last_seen import LastSeenTracker
from portico.identity.accounts.picture import ImageData, decode_data_url
from portico.identity.accounts.picture_download import download_picture
from portico.identity.accounts.profile import ProfileDetails
from portico.identity.accounts.user_data import MAX_USER_DATA_BYTES
from portico.identity.groups.default_permissions import PREFIX as DEFAULT_PERMISSIONS_PREFIX
from portico.identity.groups.events import GroupChanged, GroupDeleting
from portico.identity.groups.group import (
    Group,
    GroupMember,
    MembershipChange,
    check_group_data,
    check_group_description,
)
from portico.identity.groups.group_rows import StoredGroup
from portico.identity.groups.groups import Groups
from portico.identity.groups.permission_tree import PermissionTree, allows, effective, parse_tree
from portico.identity.groups.permission_validation import granted_permissions, permission_errors
from portico.identity.identity import INVALIDATING_EVENTS, Identity
from portico.identity.sessions.actor import (
    SESSION_CREDENTIAL,
    Actor,
    CredentialScope,
    TokenAuthenticator,
)
from portico.identity.sessions.cookies import OAUTH_STATE_COOKIE, Cookies
from portico.identity.sessions.credentials import (
    COOKIE,
    Credential,
    credential_from,
    token_from,
    uses_cookie,
)
from portico.identity.sessions.events import ApiKeyRevoked, SessionRevoked
from portico.identity.sessions.live_connections import LiveConnections
from portico.identity.sessions.session_origin import SessionOrigin, session_origin
from portico.identity.sessions.sessions import Sessions, SessionToken
from portico.identity.sessions.tokens import HEADER as SESSION_TOKEN_HEADER
from portico.identity.sessions.tokens import Claims, TokenSigner, is_valid_lifetime
from portico.identity.sign_in.passwords import PasswordRule
from portico.identity.sign_in.provider_sessions import ProviderSession, ProviderTokens
from portico.identity.sign_in.providers import (
    AuthProvider,
    ExternalIdentity,
    ProviderKind,
    ProviderSignOut,
    ProvisioningRules,
    RequestVerifier,
    SharedSignInProvider,
    ToggleableProvider,
    UnusableProvider,
)
from portico.identity.sign_in.session_list import SessionInfo
from portico.identity.sign_in.session_response import SessionUser, SessionUserInfo, SignInResult
from portico.identity.tables import TABLES
from portico.settings.permissions import PermissionDefaults

__all__ = [
    "DEFAULT_PERMISSIONS_PREFIX",
    "COOKIE",
    "INVALIDATING_EVENTS",
    "MAX_USER_DATA_BYTES",
    "OAUTH_STATE_COOKIE",
    "SESSION_CREDENTIAL",
    "SESSION_TOKEN_HEADER",
    "TABLES",
    "Account",
    "AccountChanged",
    "AccountChanges",
    "AccountCreated",
    "AccountDeleted",
    "AccountDeleting",
    "AccountSigningUp",
    "AccountQuery",
    "AccountSummary",
    "AccountRecord",
    "Accounts",
    "EpochSeconds",
    "PrincipalId",
    "StoredGroup",
    "check_group_data",
    "check_group_description",
    "ExistingAccount",
    "StoredAccount",
    "account_record",
    "imported_account",
    "imported_hash",
    "imported_links",
    "Actor",
    "ApiKeyRevoked",
    "AuthProvider",
    "Claims",
    "Cookies",
    "Credential",
    "CredentialScope",
    "ExternalIdentity",
    "Group",
    "GroupChanged",
    "GroupDeleting",
    "GroupMember",
    "Groups",
    "Identity",
    "ImageData",
    "LastSeenTracker",
    "LiveConnections",
    "MembershipChange",
    "PasswordRule",
    "PermissionDefaults",
    "PermissionTree",
    "ProfileDetails",
    "ProviderKind",
    "ProviderSession",
    "ProviderSignOut",
    "ProviderTokens",
    "ProvisioningRules",
    "RequestVerifier",
    "Role",
    "SessionInfo",
    "SessionOrigin",
    "SessionRevoked",
    "SessionToken",
    "SessionUser",
    "SessionUserInfo",
    "Sessions",
    "SharedSignInProvider",
    "SignInResult",
    "ToggleableProvider",
    "TokenAuthenticator",
    "UnusableProvider",
    "TokenSigner",
    "allows",
    "check_email",
    "credential_from",
    "decode_data_url",
    "download_picture",
    "domain_key",
    "effective",
    "email_key",
    "granted_permissions",
    "is_same_address",
    "is_valid_lifetime",
    "parse_tree",
    "permission_errors",
    "uses_cookie",
    "session_origin",
    "token_from",
]
