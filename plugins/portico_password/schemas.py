"""The JSON that goes in. What comes back is the same for every way to sign in, and not made here."""

import msgspec


class SignIn(msgspec.Struct, kw_only=True):
    """Who somebody says they are, and the proof."""

    email: str
    password: str


class NewPassword(msgspec.Struct, kw_only=True):
    """`password`: the one of now."""

    password: str
    new_password: str


class SignUp(msgspec.Struct, kw_only=True):
    """Who somebody wants to be. What else is sent, such as a role or an id, is passed over."""

    name: str
    email: str
    password: str
    profile_image_url: str = "/user.png"
