"""The JSON that goes in and out. Source: the clients' contract; field names are theirs."""

import msgspec


class NewAccount(msgspec.Struct, kw_only=True):
    """Somebody an administrator adds. What else is sent, such as an id, is passed over."""

    name: str
    email: str
    password: str
    profile_image_url: str = "/user.png"
    role: str = "pending"


class AddedAccount(msgspec.Struct, kw_only=True):
    """Shape: as after a sign-in, but `token` is empty: adding somebody is not signing in as them."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str
    token: str = ""
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme


class SignedOut(msgspec.Struct, kw_only=True):
    """The answer to a sign-out, whoever asked."""

    status: bool = True
