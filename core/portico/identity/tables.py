"""Tables of accounts, sessions and groups, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Boolean, Integer, Text
from piccolo.table import Table

from portico.db import Reference, TableSet


class AccountTable(Table, tablename="portico_account"):
    """Accounts. `info`, `settings` and `oauth` hold JSON; `email` is lower case, `folded` is folded for searches,
    `email_key` compares addresses; `colliding`: an account of an earlier release has the same key.
    """

    id = Text(primary_key=True, default="")
    email = Text(unique=True)
    username = Text(null=True, default=None)
    role = Text()
    name = Text()
    profile_image_url = Text()
    profile_banner_image_url = Text(null=True, default=None)
    bio = Text(null=True, default=None)
    gender = Text(null=True, default=None)
    date_of_birth = Text(null=True, default=None)
    timezone = Text(null=True, default=None)
    presence_state = Text(null=True, default=None)
    status_emoji = Text(null=True, default=None)
    status_message = Text(null=True, default=None)
    status_expires_at = BigInt(null=True, default=None)
    info = Text(null=True, default=None)
    settings = Text(null=True, default=None)
    oauth = Text(null=True, default=None)
    epoch = BigInt(default=0)
    last_active_at = BigInt()
    updated_at = BigInt()
    created_at = BigInt()
    folded = Text()
    email_key = Text(null=True, default=None)
    colliding = Boolean(default=False)


class PasswordTable(Table, tablename="portico_password"):
    """Password hashes of the accounts that have a password."""

    account_id = Text(primary_key=True, default="")
    hash = Text()
    updated_at = BigInt()


class SessionTable(Table, tablename="portico_session"):
    """Sessions; `id` is the `jti` of the token, `method` the name of the provider."""

    id = Text(primary_key=True, default="")
    account_id = Text()
    created_at = BigInt()
    expires_at = BigInt(null=True, default=None)
    method = Text(default="password")
    address = Text(null=True, default=None)
    user_agent = Text(null=True, default=None)
    provider_session = Text(null=True, default=None)
    last_seen_at = BigInt(null=True, default=None)
    epoch = BigInt(default=0)


class IdentityLinkTable(Table, tablename="portico_identity_link"):
    """External identities of accounts. The primary key is the pair; Piccolo supports one column only."""

    provider = Text(primary_key=True, default="")
    subject = Text()
    account_id = Text()
    created_at = BigInt()


class FirstAccountTable(Table, tablename="portico_first_account"):
    """One row: the first account."""

    id = Integer(primary_key=True)
    account_id = Text(null=True, default=None)


class GroupTable(Table, tablename="portico_group"):
    """Groups; `account_id` is the owner. `data`, `meta` and `permissions` hold JSON."""

    id = Text(primary_key=True, default="")
    account_id = Text()
    name = Text()
    description = Text()
    data = Text(null=True, default=None)
    meta = Text(null=True, default=None)
    permissions = Text(null=True, default=None)
    created_at = BigInt()
    updated_at = BigInt()


class GroupMemberTable(Table, tablename="portico_group_member"):
    """Members of groups. The primary key is the pair; Piccolo supports one column only, so here it is the group."""

    group_id = Text(primary_key=True, default="")
    account_id = Text()
    created_at = BigInt()


class SecretKeyTable(Table, tablename="portico_secret"):
    """One row: the fingerprint of the secret key of this database."""

    id = Integer(primary_key=True)
    fingerprint = Text()


TABLES = TableSet(
    tables=(
        AccountTable,
        PasswordTable,
        SessionTable,
        IdentityLinkTable,
        FirstAccountTable,
        GroupTable,
        GroupMemberTable,
        SecretKeyTable,
    ),
    migrations="portico.identity.migrations",
    references=(
        # Empty for a group that was created on the command line.
        Reference(
            "portico_group",
            "account_id",
            "portico_account",
            where="account_id <> ''",
            repair="reassign",
        ),
        # Clearing it would make the next account an administrator.
        Reference("portico_first_account", "account_id", "portico_account", repair="none"),
    ),
)
