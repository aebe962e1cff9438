"""Request and response bodies. The wire contract fixes the names of fields. Times are epoch seconds."""

from typing import Annotated

import msgspec

from portico.api.auth import SessionInfo

EmojiText = Annotated[str, msgspec.Meta(max_length=64)]
ShortText = Annotated[str, msgspec.Meta(max_length=512)]
#: The upper limit only refuses mistakes.
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class NewAccount(msgspec.Struct, kw_only=True):
    """A new account, as an administrator creates it. Other fields, such as an id, are ignored."""

    name: str
    email: str
    password: str
    profile_image_url: str = "/user.png"
    role: str = "pending"


class CreatedAccountResponse(msgspec.Struct, kw_only=True):
    """A new account, in the shape of a session. `token` is empty: the account is not signed in."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str
    token: str = ""
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme


class AccountForm(msgspec.Struct, kw_only=True):
    """The new values of an account. An empty or missing `password` stays as it is."""

    role: str
    name: str
    email: str
    profile_image_url: str
    password: str | None = None


class ProfileForm(msgspec.Struct, kw_only=True):
    """The profile of the caller. Fields that are null or missing are cleared."""

    name: str
    profile_image_url: str
    bio: str | None = None
    gender: str | None = None
    date_of_birth: str | None = None


class ProfileResponse(msgspec.Struct, kw_only=True):
    """The stored profile."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str


class TimezoneForm(msgspec.Struct, kw_only=True):
    """`timezone`: an IANA name, `Area/City`."""

    timezone: str


class StatusResponse(msgspec.Struct):
    """Confirmation of a change."""

    status: bool = True


class AdminDetails(msgspec.Struct):
    """The administrator to contact. `name` is null if no account has the address."""

    name: str | None
    email: str | None


class User(msgspec.Struct, kw_only=True):
    """An account, for its user and for callers who may read accounts. `oauth` is always null."""

    id: str
    email: str
    username: str | None
    role: str
    name: str
    profile_image_url: str
    profile_banner_image_url: str | None
    bio: str | None
    gender: str | None
    date_of_birth: str | None
    timezone: str | None
    presence_state: str | None
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    info: msgspec.Raw
    settings: msgspec.Raw
    oauth: None = None
    last_active_at: int
    updated_at: int
    created_at: int


class UserWithPresence(User, kw_only=True):
    """One account, with `is_active`: the user sent a request within the last three minutes."""

    is_active: bool


class ListedUser(User, kw_only=True):
    """An account in a list, where `info` and `settings` are null."""

    group_ids: list[str]


class UserPage(msgspec.Struct):
    """At most 30 accounts. `total`: the number of all accounts that match."""

    users: list[ListedUser]
    total: int


class PublicUser(msgspec.Struct, kw_only=True):
    """The profile card of a user, for other users. `email` is empty, because clients would show it."""

    id: str
    name: str
    email: str = ""
    profile_image_url: str
    bio: str | None
    is_active: bool
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None


class UserInfo(msgspec.Struct, kw_only=True):
    """A user in short. `email` is empty if the caller may not see it."""

    id: str
    name: str
    email: str
    role: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None


class UserInfoList(msgspec.Struct):
    """Users in short. `total`: the number of all that match."""

    users: list[UserInfo]
    total: int


class ProviderSessionResponse(msgspec.Struct, kw_only=True):
    """A session at an OAuth provider. `token` is always null; `expires_at`: when the provider's tokens expire."""

    id: str
    user_id: str
    provider: str
    token: None = None
    expires_at: int | None
    created_at: int
    updated_at: int


class StatusForm(msgspec.Struct, kw_only=True):
    """The status of a user. Fields that are null or missing stay as they are."""

    status_emoji: EmojiText | None = None
    status_message: ShortText | None = None
    status_expires_at: Epoch | None = None


class ActiveResponse(msgspec.Struct):
    """Whether a user sent a request within the last three minutes; false for unknown ids."""

    active: bool


class SignInRequest(msgspec.Struct, kw_only=True):
    """The body that clients send to sign in. Auth providers decide what they read of it."""

    email: str
    password: str


class SignInPage(msgspec.Struct):
    """At most 30 sessions, newest first. `total`: the number of all sessions of the account."""

    sessions: list[SessionInfo]
    total: int


class SignedOut(msgspec.Struct, kw_only=True):
    """The response to a sign-out, also without a session. `redirect_url`: the page to open next, if there is one."""

    status: bool = True
    redirect_url: str | msgspec.UnsetType = msgspec.UNSET


Setting = Annotated[str, msgspec.Meta(max_length=1024)]
#: A text for users, or a list of paths.
LongSetting = Annotated[str, msgspec.Meta(max_length=16 * 1024)]


class AdminConfig(msgspec.Struct, kw_only=True):
    """The runtime settings in the form of clients. The names are those of the environment variables."""

    SHOW_ADMIN_DETAILS: bool
    WEBUI_URL: Setting
    ENABLE_SIGNUP: bool
    ENABLE_API_KEYS: bool
    ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS: bool
    API_KEYS_ALLOWED_ENDPOINTS: LongSetting
    DEFAULT_USER_ROLE: Setting
    DEFAULT_GROUP_ID: Setting
    JWT_EXPIRES_IN: Setting
    ENABLE_COMMUNITY_SHARING: bool
    ENABLE_MESSAGE_RATING: bool
    ENABLE_FOLDERS: bool
    ENABLE_CHANNELS: bool
    ENABLE_NOTES: bool
    ENABLE_USER_WEBHOOKS: bool
    PENDING_USER_OVERLAY_TITLE: Setting | None = None
    PENDING_USER_OVERLAY_CONTENT: LongSetting | None = None
    RESPONSE_WATERMARK: LongSetting | None = None


class AdminConfigAnswer(AdminConfig, kw_only=True):
    """The active runtime settings. `pinned`: those set in a file or the environment, which cannot be changed here."""

    pinned: list[str]
