"""Request bodies. The responses are the same for all auth providers."""

import msgspec


class SignIn(msgspec.Struct, kw_only=True):
    """The form of a sign-in."""

    email: str
    password: str


class NewPassword(msgspec.Struct, kw_only=True):
    """A change of password. `password`: the current one."""

    password: str
    new_password: str


class SignUp(msgspec.Struct, kw_only=True):
    """The form of a sign-up. Other fields, such as a role or an id, are ignored."""

    name: str
    email: str
    password: str
    profile_image_url: str = "/user.png"
