"""Settings for browsers: CORS and the security headers of responses."""

from typing import Annotated

from portico.settings.section import Section, setting


class CorsSettings(Section):
    """Origins of other sites whose pages may call the API."""

    allow_origins: Annotated[
        list[str],
        setting(
            "Origins whose pages may call the API, such as https://app.example.org; * = all, without cookies; "
            "none = only this server",
            formerly="browser.origins",
            env="CORS_ALLOW_ORIGIN",
            separator=";",
        ),
    ] = []
    allow_schemes: Annotated[
        list[str],
        setting(
            "Schemes allowed in `allow_origins` besides http and https",
            formerly="browser.schemes",
            env="CORS_ALLOW_CUSTOM_SCHEME",
            separator=";",
        ),
    ] = []


class SecurityHeadersSettings(Section):
    """The security headers of all responses. An empty setting means the default of the header."""

    hsts: Annotated[
        str,
        setting(
            "Strict-Transport-Security; with force_https one year unless set",
            formerly="browser.hsts",
            env="HSTS",
            form="header",
        ),
    ] = ""
    frame_options: Annotated[
        str,
        setting(
            "X-Frame-Options: SAMEORIGIN or DENY",
            formerly="browser.frame_options",
            env="XFRAME_OPTIONS",
            form="header",
        ),
    ] = ""
    content_type_options: Annotated[
        str,
        setting(
            "X-Content-Type-Options; nosniff is sent for every value",
            formerly="browser.content_type",
            env="XCONTENT_TYPE",
            form="header",
        ),
    ] = ""
    download_options: Annotated[
        str,
        setting(
            "X-Download-Options; noopen is sent for every value",
            formerly="browser.download_options",
            env="XDOWNLOAD_OPTIONS",
            form="header",
        ),
    ] = ""
    cross_domain_policies: Annotated[
        str,
        setting(
            "X-Permitted-Cross-Domain-Policies",
            formerly="browser.cross_domain_policies",
            env="XPERMITTED_CROSS_DOMAIN_POLICIES",
            form="header",
        ),
    ] = ""
    referrer_policy: Annotated[
        str,
        setting(
            "Referrer-Policy; no-referrer unless set",
            formerly="browser.referrer_policy",
            env="REFERRER_POLICY",
            form="header",
        ),
    ] = ""
    permissions_policy: Annotated[
        str,
        setting(
            "Permissions-Policy",
            formerly="browser.permissions_policy",
            env="PERMISSIONS_POLICY",
            form="header",
        ),
    ] = ""
    cache_control: Annotated[
        str,
        setting(
            "Cache-Control of responses that do not set it",
            formerly="browser.cache_control",
            env="CACHE_CONTROL",
            form="header",
        ),
    ] = ""
    content_security_policy: Annotated[
        str,
        setting(
            "Content-Security-Policy of all responses, instead of the default ones",
            formerly="browser.content_policy",
            env="CONTENT_SECURITY_POLICY",
            form="header",
        ),
    ] = ""
