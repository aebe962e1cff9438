"""An authorization server on a port of its own, that speaks the real protocol and misbehaves where a test says so.

    with Authority() as authority:
        authority.claims["email_verified"] = False    # what it says of whoever signs in
        authority.id_token["nonce"] = "another"        # what is laid over the id token's claims
        authority.metadata["issuer"] = "https://evil"  # what is laid over the discovery document

It checks what a client sends as a good one does: its secret, the code once, the redirect URI, the verifier. A value of
`None` takes a claim away. It is GitHub and Feishu too, at their paths, and Microsoft for each tenant.
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


def merged(first: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (first | over).items() if value is not None}


def s256(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Authority:
    """See the module. `seen`: paths that were asked for, with what was sent there."""

    def __init__(self) -> None:
        self.keys = {"k1": JWKRegistry.generate_key("RSA", 2048)}
        self.signing, self.algorithm = "k1", "RS256"
        self.claims: dict[str, Any] = {
            "sub": "s-1", "email": "grace@example.org", "email_verified": True, "name": "Grace",
        }  # fmt: skip
        self.id_token: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        self.emails: Any = [{"email": "grace@example.org", "primary": True, "verified": True}]
        self.answer: dict[str, str | None] = {}
        self.seen: list[tuple[str, Query]] = []
        self.broken: dict[str, tuple[int, bytes]] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.leaves_out_of_id_token: tuple[str, ...] = ()
        self.refreshes = True
        self._codes: dict[str, Query] = {}
        self._refresh: set[str] = set()

    # -- the server ---------------------------------------------------------------------------------------------

    def __enter__(self) -> "Authority":
        authority = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                authority.serve(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                authority.serve(self, flat(body))

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Be away from now on."""
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
                status, found = self.exchange(query, headers)
                return status, {"content-type": "application/json"}, json.dumps(found).encode()
            case "/userinfo" | "/user" if bearer:
                found = merged(self.claims, self.userinfo)
            case "/user/emails" if bearer:
                found = self.emails
            case "/open-apis/authen/v1/user_info" if bearer:
                found = {"code": 0, "msg": "success", "data": merged(self.claims, self.userinfo)}
            case _:
                return 404, {}, b"{}"
        return 200, {"content-type": "application/json"}, json.dumps(found).encode()

    # -- what it says -------------------------------------------------------------------------------------------

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
        """Where a browser is sent back to, by somebody who signs in without being asked anything."""
        assert query["response_type"] == "code" and query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == 43
        code = secrets.token_urlsafe(12)
        self._codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.url}
        return f"{query['redirect_uri']}?{urllib.parse.urlencode(merged(answer, self.answer))}"

    def exchange(self, form: Query, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if not self.knows_client(form, headers):
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self._refresh or not self.refreshes:
                return 400, {"error": "invalid_grant"}
            self._refresh.discard(form["refresh_token"])
            return 200, self.tokens({})
        asked = self._codes.pop(form.get("code", ""), None)
        fits = (
            asked is not None
            and asked["redirect_uri"] == form.get("redirect_uri")
            and asked["code_challenge"] == s256(form.get("code_verifier", ""))
        )
        return (200, self.tokens(asked or {})) if fits else (400, {"error": "invalid_grant"})

    def knows_client(self, form: Query, headers: dict[str, str]) -> bool:
        given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        if given.startswith("Basic "):
            return base64.b64decode(given[6:]).decode() == f"{CLIENT_ID}:{CLIENT_SECRET}"
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)

    def tokens(self, asked: Query) -> dict[str, Any]:
        refresh = f"refresh-{secrets.token_urlsafe(8)}"
        self._refresh.add(refresh)
        own = {
            "access_token": f"access-{secrets.token_urlsafe(8)}",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": refresh,
        }
        if "nonce" in asked:
            own["id_token"] = self.sign(self.id_claims(asked["nonce"]))
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
        said = {n: v for n, v in self.claims.items() if n not in self.leaves_out_of_id_token}
        return merged(own | said, self.id_token)

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """A token of these claims, with the key that it signs with now."""
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
        """Sign with a new key from now on; the old one is not announced any more."""
        self.signing = f"k{len(self.seen)}-{secrets.token_hex(3)}"
        self.keys = {self.signing: JWKRegistry.generate_key("RSA", 2048)}

    def asked(self, path: str) -> list[Query]:
        """What was sent to a path, each time."""
        return [query for found, query in self.seen if found == path]

    @property
    def environment(self) -> dict[str, str]:
        """Settings of a house that is registered here by all its names."""
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
