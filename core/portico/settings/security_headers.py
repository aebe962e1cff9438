"""What browsers are told: who else may call, and the headers that keep pages and answers apart."""

from typing import Annotated

from portico.settings.section import Section, setting

#: Printable ASCII: what fits into the value of a header.
_HEADER = r"^[\x20-\x7e]*$"


class BrowserSettings(Section):
    """Other sites that may call, and the security headers of every answer; an empty one has its default."""

    origins: Annotated[
        list[str],
        setting(
            "Sites whose pages may call, such as https://app.example.org; * = any, without cookies; "
            "none = only our own",
            env="CORS_ALLOW_ORIGIN",
            separator=";",
        ),
    ] = []
    schemes: Annotated[
        list[str],
        setting(
            "Schemes that `origins` may have besides http and https",
            env="CORS_ALLOW_CUSTOM_SCHEME",
            separator=";",
        ),
    ] = []
    hsts: Annotated[
        str,
        setting("Strict-Transport-Security; a year where HTTPS is forced", env="HSTS"),
    ] = ""
    frame_options: Annotated[
        str, setting("X-Frame-Options: SAMEORIGIN or DENY", env="XFRAME_OPTIONS")
    ] = ""
    content_type: Annotated[
        str,
        setting("X-Content-Type-Options; whatever it says, nosniff is sent", env="XCONTENT_TYPE"),
    ] = ""
    download_options: Annotated[
        str, setting("X-Download-Options; anything sends noopen", env="XDOWNLOAD_OPTIONS")
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
        setting("Cache-Control of answers that say nothing about it", env="CACHE_CONTROL"),
    ] = ""
    content_policy: Annotated[
        str,
        setting(
            "Content-Security-Policy of every answer, in the place of ours",
            env="CONTENT_SECURITY_POLICY",
            pattern=_HEADER,
        ),
    ] = ""
