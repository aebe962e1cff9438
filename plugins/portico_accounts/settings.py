"""The settings `[plugins.accounts]`."""

from typing import Annotated

from portico.api import Section, setting


class AccountsSettings(Section):
    """What users see of each other, and what clients show."""

    show_emails_in_search: Annotated[
        bool,
        setting(
            "Users see and search the e-mail addresses of other users", formerly="directory_emails"
        ),
    ] = False
    show_admin_details: Annotated[
        bool,
        setting(
            "Show the name of an administrator to all users, pending ones too",
            env="SHOW_ADMIN_DETAILS",
            runtime_key="auth.admin.show",
        ),
    ] = True
    admin_email: Annotated[
        str,
        setting(
            "E-mail address of the administrator to show; empty = only the name of the first administrator",
            env="ADMIN_EMAIL",
            runtime_key="auth.admin.email",
        ),
    ] = ""
    gravatar_url: Annotated[
        str,
        setting(
            "Where users may take a picture for their e-mail address from: Gravatar, or a server with the same protocol "
            "such as Libravatar; off = nowhere",
            env="PORTICO_ACCOUNTS_GRAVATAR_URL",
            max_length=1024,
        ),
    ] = "https://www.gravatar.com/avatar"
    default_locale: Annotated[
        str,
        setting(
            "Language of clients whose user has chosen none",
            env="DEFAULT_LOCALE",
            runtime_key="ui.default_locale",
        ),
    ] = ""
    deployment_id: Annotated[
        str,
        setting(
            "Id of this deployment; the web client reloads its page when it meets another one, such as after an update",
            env="DEPLOYMENT_ID",
            max_length=256,
        ),
    ] = ""
    check_updates: Annotated[
        bool,
        setting(
            "Tell administrators of a newer release; needs releases_url",
            env="ENABLE_VERSION_UPDATE_CHECK",
        ),
    ] = False
    releases_url: Annotated[
        str,
        setting(
            "Address of a JSON document with the latest release (`tag_name`, as GitHub's API has it, or `version`), which "
            "is asked for once an hour while check_updates is on; empty = no server is asked",
            env="PORTICO_ACCOUNTS_RELEASES_URL",
            form="url",
            max_length=1024,
        ),
    ] = ""
    offline: Annotated[
        bool, setting("Never ask another server for releases", env="OFFLINE_MODE")
    ] = False
    enable_signup_password_confirmation: Annotated[
        bool,
        setting(
            "Clients ask twice for the password when a user signs up",
            env="ENABLE_SIGNUP_PASSWORD_CONFIRMATION",
        ),
    ] = False
    enable_community_sharing: Annotated[
        bool,
        setting(
            "Clients offer to share chats with the community",
            env="ENABLE_COMMUNITY_SHARING",
            runtime_key="ui.enable_community_sharing",
        ),
    ] = False
    pending_overlay_title: Annotated[
        str,
        setting(
            "Title that clients show to users with a pending account",
            env="PENDING_USER_OVERLAY_TITLE",
            runtime_key="ui.pending_user_overlay_title",
        ),
    ] = ""
    pending_overlay_content: Annotated[
        str,
        setting(
            "Text that clients show to users with a pending account",
            env="PENDING_USER_OVERLAY_CONTENT",
            runtime_key="ui.pending_user_overlay_content",
        ),
    ] = ""
    response_watermark: Annotated[
        str,
        setting(
            "Text that clients append to copied responses",
            env="RESPONSE_WATERMARK",
            runtime_key="ui.watermark",
        ),
    ] = ""
