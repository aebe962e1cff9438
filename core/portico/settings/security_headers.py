"""Settings for browsers: CORS and the security headers of responses."""

from typing import Annotated

from portico.settings.section import Section, setting

#: Printable ASCII, which is allowed in the value of a header.
_HEADER = r"^[\x20-\x7e]*$"


class BrowserSettings(Section):
    """Origins that may call the API, and the security headers of all responses; an empty one has its default."""

    origins: Annotated[
        list[str],
        setting(
            "Origins whose pages may call the API, such as https://app.example.org; * = all, without cookies; "
            "none = only this server",
            env="CORS_ALLOW_ORIGIN",
            separator=";",
        ),
    ] = []
    schemes: Annotated[
        list[str],
        setting(
            "Schemes allowed in `origins` besides http and https",
            env="CORS_ALLOW_CUSTOM_SCHEME",
            separator=";",
        ),
    ] = []
    hsts: Annotated[
        str,
        setting("Strict-Transport-Security; with force_https one year unless set", env="HSTS"),
    ] = ""
    frame_options: Annotated[
        str, setting("X-Frame-Options: SAMEORIGIN or DENY", env="XFRAME_OPTIONS")
    ] = ""
    content_type: Annotated[
        str,
        setting("X-Content-Type-Options; nosniff is sent for every value", env="XCONTENT_TYPE"),
    ] = ""
    download_options: Annotated[
        str, setting("X-Download-Options; noopen is sent for every value", env="XDOWNLOAD_OPTIONS")
    ] = ""
    cross_domain_policies: Annotated[
        str,
        setting("X-Permitted-Cross-Domain-Policies", env="XPERMITTED_CROSS_DOMAIN_POLICIES"),
    ] = ""
    referrer_policy: Annotated[
        str, setting("Referrer-Policy; no-referrer unless set", env="REFERRER_POLICY")
    ] = ""
    permissions_policy: Annotated[str, setting("Permissions-Policy", env="PERMISSIONS_POLICY")] = ""
    cache_control: Annotated[
        str,
        setting("Cache-Control of responses that do not set it", env="CACHE_CONTROL"),
    ] = ""
    content_policy: Annotated[
        str,
        setting(
            "Content-Security-Policy of all responses, instead of the default ones",
            env="CONTENT_SECURITY_POLICY",
            pattern=_HEADER,
        ),
    ] = ""
