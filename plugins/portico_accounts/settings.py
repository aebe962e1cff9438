"""What an operator can set."""

from typing import Annotated

from portico.api import Section, setting


class AccountsSettings(Section):
    """How much people see of one another, and what clients are told to show.

    What no plugin of this house does yet has its switch here all the same: clients ask for it.
    """

    directory_emails: Annotated[
        bool, setting("People who search for others see and search their e-mail addresses")
    ] = False
    show_admin_details: Annotated[
        bool,
        setting(
            "Tell everybody who signed up, let in or not, the name of an administrator to ask",
            env="SHOW_ADMIN_DETAILS",
            runtime_key="auth.admin.show",
        ),
    ] = True
    admin_email: Annotated[
        str,
        setting(
            "The e-mail address that is told with it; empty = none, and the name of the first administrator",
            env="ADMIN_EMAIL",
        ),
    ] = ""
    default_locale: Annotated[
        str, setting("Language of clients that have chosen none", env="DEFAULT_LOCALE")
    ] = ""
    enable_signup_password_confirmation: Annotated[
        bool,
        setting("Clients ask for a new password twice", env="ENABLE_SIGNUP_PASSWORD_CONFIRMATION"),
    ] = False
    enable_community_sharing: Annotated[
        bool,
        setting(
            "Clients offer to share with the community",
            env="ENABLE_COMMUNITY_SHARING",
            runtime_key="ui.enable_community_sharing",
        ),
    ] = False
    enable_channels: Annotated[
        bool, setting("Clients show channels", env="ENABLE_CHANNELS", runtime_key="channels.enable")
    ] = False
    enable_notes: Annotated[
        bool, setting("Clients show notes", env="ENABLE_NOTES", runtime_key="notes.enable")
    ] = False
    pending_overlay_title: Annotated[
        str,
        setting(
            "Headline for people who wait to be let in",
            env="PENDING_USER_OVERLAY_TITLE",
            runtime_key="ui.pending_user_overlay_title",
        ),
    ] = ""
    pending_overlay_content: Annotated[
        str,
        setting(
            "Text for people who wait to be let in",
            env="PENDING_USER_OVERLAY_CONTENT",
            runtime_key="ui.pending_user_overlay_content",
        ),
    ] = ""
    response_watermark: Annotated[
        str,
        setting(
            "Added by clients to what is copied from an answer",
            env="RESPONSE_WATERMARK",
            runtime_key="ui.watermark",
        ),
    ] = ""
