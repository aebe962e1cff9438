"""The JSON that goes in and out. Source: the clients' contract; field names are theirs. Times are epoch seconds."""

from typing import Annotated

import msgspec

from portico.api import SessionInfo

EmojiText = Annotated[str, msgspec.Meta(max_length=64)]
ShortText = Annotated[str, msgspec.Meta(max_length=512)]
#: A year further away than any calendar reaches is a mistake.
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class NewAccount(msgspec.Struct, kw_only=True):
    """Somebody an administrator adds. What else is sent, such as an id, is passed over."""

    name: str
    email: str
    password: str
    profile_image_url: str = "/user.png"
    role: str = "pending"


class CreatedAccountResponse(msgspec.Struct, kw_only=True):
    """Shape: as after a sign-in, but `token` is empty: adding somebody is not signing in as them."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str
    token: str = ""
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme


class AccountForm(msgspec.Struct, kw_only=True):
    """An account as it is to be. `password` empty or none = as it was."""

    role: str
    name: str
    email: str
    profile_image_url: str
    password: str | None = None


class ProfileForm(msgspec.Struct, kw_only=True):
    """What somebody says about themselves. What is null or left out is not said any more."""

    name: str
    profile_image_url: str
    bio: str | None = None
    gender: str | None = None
    date_of_birth: str | None = None


class ProfileResponse(msgspec.Struct, kw_only=True):
    """Who they are from now on."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str


class TimezoneForm(msgspec.Struct, kw_only=True):
    """Shape: `Area/City`."""

    timezone: str


class StatusResponse(msgspec.Struct):
    """It is done."""

    status: bool = True


class AdminDetails(msgspec.Struct):
    """Whom to ask; null = nobody of that address has an account."""

    name: str | None
    email: str | None


class User(msgspec.Struct, kw_only=True):
    """An account, to its owner and to whoever may read accounts. `oauth` is never told."""

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
    """The same, on its own."""

    is_active: bool


class ListedUser(User, kw_only=True):
    """The same in a list, where `info` and `settings` are left out (null)."""

    group_ids: list[str]


class UserPage(msgspec.Struct):
    """At most 30 accounts; `total`: how many there are in all."""

    users: list[ListedUser]
    total: int


class PublicUser(msgspec.Struct, kw_only=True):
    """Somebody, to everybody else. `email` is empty: clients show it where they find it."""

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
    """Somebody one finds. `email` is empty where it is not for the caller to see."""

    id: str
    name: str
    email: str
    role: str
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None


class UserInfoList(msgspec.Struct):
    """People; `total`: how many there are in all."""

    users: list[UserInfo]
    total: int


class ProviderSessionResponse(msgspec.Struct, kw_only=True):
    """A sign-in that came by another provider. `token` is never told; `expires_at`: when what it gave runs out."""

    id: str
    user_id: str
    provider: str
    token: None = None
    expires_at: int | None
    created_at: int
    updated_at: int


class StatusForm(msgspec.Struct, kw_only=True):
    """What somebody is up to. What is null or left out stays as it was."""

    status_emoji: EmojiText | None = None
    status_message: ShortText | None = None
    status_expires_at: Epoch | None = None


class ActiveResponse(msgspec.Struct):
    """Whether somebody was here within the last three minutes; of nobody: no."""

    active: bool


class SignInRequest(msgspec.Struct, kw_only=True):
    """What clients send at the door that ways to sign in share. What is looked at is the business of the way."""

    email: str
    password: str


class SignInPage(msgspec.Struct):
    """At most 30 sign-ins, newest first; `total`: how many there are in all."""

    sessions: list[SessionInfo]
    total: int


class SignedOut(msgspec.Struct, kw_only=True):
    """The answer to a sign-out, whoever asked. `redirect_url`: where to go next, left out if nowhere."""

    status: bool = True
    redirect_url: str | msgspec.UnsetType = msgspec.UNSET


Setting = Annotated[str, msgspec.Meta(max_length=1024)]
#: A text that is shown, or a list of paths.
LongSetting = Annotated[str, msgspec.Meta(max_length=16 * 1024)]


class AdminConfig(msgspec.Struct, kw_only=True):
    """What administrators set. The names are those of the environment variables."""

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
    """What is in force; `pinned`: what the operator set, which nobody changes here."""

    pinned: list[str]
