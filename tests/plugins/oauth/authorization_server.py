"""An authorization server on its own port. It implements the real protocol and misbehaves where a test says so.

    with AuthorizationServer() as server:
        server.claims["email_verified"] = False    # the claims of the user who signs in
        server.id_token["nonce"] = "another"        # overrides claims of the id token
        server.metadata["issuer"] = "https://evil"  # overrides members of the discovery document

It checks the client's secret, code, redirect URI and verifier, as a correct server does. The value `None` removes a
claim. It also serves GitHub and Feishu at their paths, and Microsoft for each tenant.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
import urllib.parse
import warnings
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws
from joserfc.jwk import JWKRegistry

CLIENT_ID, CLIENT_SECRET = "portico", "a secret+of/the:client"
TENANT = "11111111-2222-3333-4444-555555555555"
Query = dict[str, str]
#: Keys of servers that have stopped, for later ones: to make a key takes as long as three tests.
SPARE_KEYS: list[Any] = []


def merged(first: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `first` overridden by `over`, without the members that are None."""
    return {name: value for name, value in (first | over).items() if value is not None}


def s256(verifier: str) -> str:
    """Return the PKCE challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class AuthorizationServer:
    """See the module. `seen`: the requested paths, with the parameters that were sent."""

    def __init__(self) -> None:
        self._first_key = SPARE_KEYS.pop() if SPARE_KEYS else JWKRegistry.generate_key("RSA", 2048)
        self.keys = {"k1": self._first_key}
        self.signing, self.algorithm = "k1", "RS256"
        self.claims: dict[str, Any] = {
            "sub": "s-1", "email": "grace@example.org", "email_verified": True, "name": "Grace",
        }  # fmt: skip
        self.id_token: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        self.emails: Any = [{"email": "grace@example.org", "primary": True, "verified": True}]
        self.callback_params: dict[str, str | None] = {}
        self.seen: list[tuple[str, Query]] = []
        self.broken: dict[str, tuple[int, bytes]] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.omitted_from_id_token: tuple[str, ...] = ()
        self.refreshes = True
        #: The response to a client that is not known, and whether it uses up the code.
        self.refusal, self.refusal_uses_code = b'{"error": "invalid_client"}', False
        #: Returns the body of a userinfo response that is a token.
        self.userinfo_token: Callable[[dict[str, Any]], str] | None = None
        #: The methods that the client is registered for. `plain_basic` does not decode, which RFC 6749 §2.3.1 asks for.
        self.client_methods: tuple[str, ...] = ("client_secret_basic", "client_secret_post")
        self._codes: dict[str, Query] = {}
        self._refresh: set[str] = set()

    # -- the server ---------------------------------------------------------------------------------------------

    def __enter__(self) -> "AuthorizationServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.serve(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                outer.serve(self, flat(body))

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        SPARE_KEYS.append(self._first_key)

    def stop(self) -> None:
        """Stop answering."""
        self.server.shutdown()
        self.server.server_close()

    def serve(self, handler: BaseHTTPRequestHandler, form: Query) -> None:
        parts = urllib.parse.urlsplit(handler.path)
        query = flat(parts.query) | form
        self.seen.append(
            (parts.path, query | {"authorization": handler.headers.get("authorization", "")})
        )
        status, headers, body = self.respond(parts.path, query, dict(handler.headers.items()))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def respond(
        self, path: str, query: Query, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if path in self.broken:
            status, body = self.broken[path]
            return status, {"content-type": "application/json"}, body
        bearer = "Bearer access-" in {n.lower(): v for n, v in headers.items()}.get(
            "authorization", ""
        )
        match path:
            case "/.well-known/openid-configuration":
                found: Any = self.discovery(self.url)
            case "/common/v2.0/.well-known/openid-configuration":
                found = self.discovery(self.url + "/{tenantid}/v2.0")
            case "/jwks":
                found = {"keys": [self.public(kid) for kid in self.keys]}
            case "/authorize" | "/login/oauth/authorize" | "/open-apis/authen/v1/authorize":
                return 302, {"location": self.authorize(query)}, b""
            case "/token" | "/login/oauth/access_token" | "/open-apis/authen/v2/oauth/token":
                if not self.knows_client(query, headers):
                    self._codes.pop(query.get("code", "") if self.refusal_uses_code else "", None)
                    return 401, {"content-type": "application/json"}, self.refusal
                status, found = self.exchange(query)
                return status, {"content-type": "application/json"}, json.dumps(found).encode()
            case "/userinfo" if bearer and self.userinfo_token:
                token = self.userinfo_token(merged(self.claims, self.userinfo))
                return 200, {"content-type": "application/jwt"}, token.encode()
            case "/userinfo" | "/user" if bearer:
                found = merged(self.claims, self.userinfo)
            case "/user/emails" if bearer:
                found = self.emails
            case "/open-apis/authen/v1/user_info" if bearer:
                found = {"code": 0, "msg": "success", "data": merged(self.claims, self.userinfo)}
            case _:
                return 404, {}, b"{}"
        return 200, {"content-type": "application/json"}, json.dumps(found).encode()

    # -- its responses -------------------------------------------------------------------------------------------

    def discovery(self, issuer: str) -> dict[str, Any]:
        own = {
            "issuer": issuer,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/end?theme=dark&x=a%20b",
            "id_token_signing_alg_values_supported": ["none", "HS256", self.algorithm],
            "authorization_response_iss_parameter_supported": True,
        }
        return merged(own, self.metadata)

    def public(self, kid: str) -> dict[str, Any]:
        return {**self.keys[kid].as_dict(private=False), "kid": kid, "use": "sig"}

    def authorize(self, query: Query) -> str:
        """Return the callback URL of a user who signs in without any prompt."""
        assert query["response_type"] == "code" and query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == 43
        code = secrets.token_urlsafe(12)
        self._codes[code] = query
        params = {"code": code, "state": query["state"], "iss": self.url}
        return f"{query['redirect_uri']}?{urllib.parse.urlencode(merged(params, self.callback_params))}"

    def exchange(self, form: Query) -> tuple[int, dict[str, Any]]:
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self._refresh or not self.refreshes:
                return 400, {"error": "invalid_grant"}
            self._refresh.discard(form["refresh_token"])
            return 200, self.tokens({})
        login_query = self._codes.pop(form.get("code", ""), None)
        is_valid = (
            login_query is not None
            and login_query["redirect_uri"] == form.get("redirect_uri")
            and login_query["code_challenge"] == s256(form.get("code_verifier", ""))
        )
        return (
            (200, self.tokens(login_query or {})) if is_valid else (400, {"error": "invalid_grant"})
        )

    def knows_client(self, form: Query, headers: dict[str, str]) -> bool:
        given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        if given.startswith("Basic "):
            pair = base64.b64decode(given[6:]).decode().split(":", 1)
            if "plain_basic" not in self.client_methods:
                pair = [urllib.parse.unquote_plus(text) for text in pair]
            is_allowed = {"client_secret_basic", "plain_basic"} & {*self.client_methods}
            return bool(is_allowed) and pair == [CLIENT_ID, CLIENT_SECRET]
        given_pair = (form.get("client_id"), form.get("client_secret"))
        is_post = "client_secret_post" in self.client_methods
        return is_post and given_pair == (CLIENT_ID, CLIENT_SECRET)

    def tokens(self, login_query: Query) -> dict[str, Any]:
        refresh = f"refresh-{secrets.token_urlsafe(8)}"
        self._refresh.add(refresh)
        own = {
            "access_token": f"access-{secrets.token_urlsafe(8)}",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": refresh,
        }
        if "nonce" in login_query:
            own["id_token"] = self.sign(self.id_claims(login_query["nonce"]))
        return merged(own, self.token)

    def id_claims(self, nonce: str) -> dict[str, Any]:
        at = int(time.time())
        own = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": at,
            "exp": at + 300,
            "nonce": nonce,
            "sid": "sid-1",
        }
        user_claims = {n: v for n, v in self.claims.items() if n not in self.omitted_from_id_token}
        return merged(own | user_claims, self.id_token)

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """Return a token with these claims, signed with the current key."""
        whole = {"alg": self.algorithm, "kid": self.signing, "typ": "JWT"} | header
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jws.serialize_compact(
                {name: value for name, value in whole.items() if value is not None},
                json.dumps(claims).encode(),
                self.keys[self.signing],
                algorithms=[whole["alg"]],
            )

    def rotate(self) -> None:
        """Sign with a new key; the old one is no longer published."""
        self.signing = f"k{len(self.seen)}-{secrets.token_hex(3)}"
        self.keys = {self.signing: JWKRegistry.generate_key("RSA", 2048)}

    def requests_to(self, path: str) -> list[Query]:
        """Return the parameters of each request to a path."""
        return [query for found, query in self.seen if found == path]

    @property
    def environment(self) -> dict[str, str]:
        """Settings of an application that is registered here as a client of all providers."""
        return {
            "OAUTH_CLIENT_ID": CLIENT_ID,
            "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
            "OPENID_PROVIDER_URL": f"{self.url}/.well-known/openid-configuration",
            "GOOGLE_CLIENT_ID": CLIENT_ID,
            "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
            "PORTICO_OAUTH_GOOGLE_DISCOVERY_URL": f"{self.url}/.well-known/openid-configuration",
            "MICROSOFT_CLIENT_ID": CLIENT_ID,
            "MICROSOFT_CLIENT_SECRET": CLIENT_SECRET,
            "MICROSOFT_CLIENT_TENANT_ID": "common",
            "MICROSOFT_CLIENT_LOGIN_BASE_URL": self.url,
            "GITHUB_CLIENT_ID": CLIENT_ID,
            "GITHUB_CLIENT_SECRET": CLIENT_SECRET,
            "PORTICO_OAUTH_GITHUB_URL": self.url,
            "PORTICO_OAUTH_GITHUB_API_URL": self.url,
            "FEISHU_CLIENT_ID": CLIENT_ID,
            "FEISHU_CLIENT_SECRET": CLIENT_SECRET,
            "PORTICO_OAUTH_FEISHU_LOGIN_URL": self.url,
            "PORTICO_OAUTH_FEISHU_API_URL": self.url,
            "ENABLE_OAUTH_SIGNUP": "true",
        }


def flat(query: str) -> Query:
    return {n: v[0] for n, v in urllib.parse.parse_qs(query, keep_blank_values=True).items()}
