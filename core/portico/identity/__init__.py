"""Who is asking: accounts, passwords, sign-ins, groups, and what an account may do by default."""

from portico.identity.actor import SESSION, Actor, Bounds
from portico.identity.directory import Directory
from portico.identity.entering.elsewhere import ProviderSession, ProviderTokens
from portico.identity.entering.passwords import PasswordRule
from portico.identity.entering.ways import (
    Arrival,
    AtTheDoor,
    AuthProvider,
    Proof,
    SignsOutElsewhere,
    Switchable,
    Terms,
    TokenReader,
    Witness,
    arrival,
)
from portico.identity.entering.welcome import SessionUser, SessionUserInfo, Welcome
from portico.identity.events import (
    AccountChanged,
    AccountCreated,
    AccountDeleted,
    AccountLeaving,
    GroupChanged,
    GroupLeaving,
    KeyRevoked,
    SessionRevoked,
)
from portico.identity.groups.group import Group, Member, Membership
from portico.identity.groups.permission_rules import granted, permission_faults
from portico.identity.groups.permission_tree import Tree, allows, effective, read_text
from portico.identity.identity import Identity
from portico.identity.people.account import Account, Role
from portico.identity.people.amendment import Amendment
from portico.identity.people.email_address import (
    check_email,
    domain_key,
    email_key,
    is_same_address,
)
from portico.identity.people.papers import LARGEST_PAPER, Parts, parts_of
from portico.identity.people.personal import PersonalDetails
from portico.identity.people.picture import Bitmap, bitmap
from portico.identity.people.presence import Presence
from portico.identity.people.roll import Listed, RollQuery
from portico.identity.sessions.cookies import BEGUN, Cookies
from portico.identity.sessions.credentials import (
    COOKIE,
    Credential,
    credential_from,
    rests_on_cookie,
    token_from,
)
from portico.identity.sessions.sessions import Sessions, SessionToken
from portico.identity.sessions.sign_ins import SignedIn
from portico.identity.sessions.tokens import Claims, TokenSigner, is_lifetime
from portico.identity.sessions.vigil import Vigil
from portico.identity.tables import TABLES
from portico.settings.permissions import PermissionDefaults

__all__ = [
    "BEGUN",
    "COOKIE",
    "LARGEST_PAPER",
    "SESSION",
    "TABLES",
    "Account",
    "AccountChanged",
    "AccountCreated",
    "AccountDeleted",
    "AccountLeaving",
    "Actor",
    "Amendment",
    "Arrival",
    "AtTheDoor",
    "AuthProvider",
    "Bitmap",
    "Bounds",
    "Claims",
    "Cookies",
    "Credential",
    "Directory",
    "Group",
    "GroupChanged",
    "GroupLeaving",
    "Identity",
    "KeyRevoked",
    "Member",
    "Membership",
    "Listed",
    "Parts",
    "PasswordRule",
    "PermissionDefaults",
    "PersonalDetails",
    "Presence",
    "Proof",
    "ProviderSession",
    "ProviderTokens",
    "Role",
    "RollQuery",
    "SessionRevoked",
    "SessionToken",
    "SessionUser",
    "SessionUserInfo",
    "Sessions",
    "SignedIn",
    "SignsOutElsewhere",
    "Switchable",
    "Terms",
    "TokenReader",
    "TokenSigner",
    "Tree",
    "Vigil",
    "Welcome",
    "Witness",
    "allows",
    "arrival",
    "bitmap",
    "check_email",
    "domain_key",
    "email_key",
    "is_same_address",
    "credential_from",
    "effective",
    "granted",
    "is_lifetime",
    "permission_faults",
    "read_text",
    "parts_of",
    "rests_on_cookie",
    "token_from",
]
