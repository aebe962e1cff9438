"""What people sign in with, and what would lift the limits of keys, is no business of a key's."""

import re

from portico.testing import InProcessApp

#: Routes that make, tell or change credentials, or say how good they are.
CREDENTIALS = re.compile(r"/(?:password|api_keys?|sessions|secret|admin/config)(?:/|$)")
#: Routes that a key may read: none of them reveals a credential.
HARMLESS = {
    ("GET", "/api/v1/auths/admin/config"),
    ("GET", "/api/v1/auths/admin/config/ldap"),
    ("GET", "/api/v1/auths/admin/config/ldap/server"),
    ("GET", "/api/v1/auths/api_keys/all"),
    ("GET", "/api/v1/users/{user_id}/sessions"),
    ("GET", "/api/v1/users/{user_id}/oauth/sessions"),
}


def test_credential_routes_require_a_session(app: InProcessApp) -> None:
    found, loose = 0, []
    for contribution in app.portico.contributions:
        for route in contribution.router.routes if contribution.router else ():
            for handler in getattr(route, "route_handlers", ()):
                for method in handler.http_methods - {"OPTIONS", "HEAD"}:
                    one = method, route.path_format
                    if not CREDENTIALS.search(route.path_format) or one in HARMLESS:
                        continue
                    found += 1
                    if (
                        not handler.opt.get("session_only")
                        and handler.opt.get("access") != "public"
                    ):
                        loose.append(one)
    assert found and loose == []
