"""What goes over the wire. Times are epoch seconds; open documents stay JSON."""

import msgspec


class ModelForm(msgspec.Struct, kw_only=True):
    """A record as a client writes it. `access_control`: null or absent = everyone reads."""

    id: str
    name: str
    meta: msgspec.Raw
    params: msgspec.Raw
    base_model_id: str | None = None
    # A factory, because the description of the API cannot show a value of this type.
    access_control: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    is_active: bool = True


class ModelId(msgspec.Struct):
    """Which one."""

    id: str


class Model(msgspec.Struct, kw_only=True):
    """A record as a client reads it. `params` is `{}` for those who may not write."""

    id: str
    user_id: str
    base_model_id: str | None
    name: str
    params: msgspec.Raw
    meta: msgspec.Raw
    access_control: msgspec.Raw
    is_active: bool
    updated_at: int
    created_at: int


class Owner(msgspec.Struct):
    """Whose it is. `email`: empty for everybody but administrators and the person."""

    id: str
    name: str
    role: str
    email: str


class ListedModel(Model, kw_only=True):
    """An item of the list."""

    user: Owner | None


class ModelPage(msgspec.Struct):
    """A page of at most 30, and how many there are on all pages."""

    items: list[ListedModel]
    total: int
