"""A browser for sign-ins: it follows redirects and stores the cookies of each site."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from portico.testing import Client, HTTPTransport, Response

#: The URL of the in-process application, for a browser.
APP_URL = "http://testserver"


@dataclass
class Browser:
    """`app`: the client that is used for `APP_URL`; other sites are reached over HTTP."""

    app: Client
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def get(self, url: str, **headers: str) -> Response:
        """Send a request with the cookies of the site and return the response."""
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        site_cookies = self.cookies.setdefault(site, {})
        request_headers = {
            "accept": "text/html",
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            **headers,
        }
        if site_cookies:
            request_headers["cookie"] = "; ".join(
                f"{name}={value}" for name, value in site_cookies.items()
            )
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        if site == APP_URL:
            response = self.app.get(target, headers=request_headers)
        else:
            response = Client(HTTPTransport(site)).get(target, headers=request_headers)
        for cookie in response.cookies:
            pair, _, attributes = cookie.partition(";")
            name, _, value = pair.partition("=")
            if "max-age=0" in attributes.lower():
                site_cookies.pop(name, None)
            else:
                site_cookies[name] = value
        return response

    def follow(self, url: str, until: str = f"{APP_URL}/") -> tuple[str, Response]:
        """Follow redirects up to a URL below `until`. Return that URL and the response that redirects to it."""
        for _ in range(10):
            response = self.get(url)
            assert response.status in (302, 303, 307), (url, response)
            url = urljoin(url, response.headers["location"])
            if url.startswith(until):
                return url, response
        raise AssertionError(f"too many redirects: {url}")

    def sign_in(self, provider: str = "oidc") -> "SignInResult":
        """Sign in at a provider, as a user who clicks on its button."""
        callback_url, _ = self.follow(f"{APP_URL}/oauth/{provider}/login")
        return self.open_callback(callback_url)

    def open_callback(self, url: str) -> "SignInResult":
        """Open the URL that a provider redirects the browser to."""
        return SignInResult(self.get(url), self)


@dataclass
class SignInResult:
    """The application's response to a callback."""

    response: Response
    browser: Browser

    @property
    def error(self) -> str:
        """The error that the page shows; empty if there is none."""
        query = parse_qs(urlsplit(self.response.headers.get("location", "")).query)
        return query.get("error", [""])[0]

    @property
    def token(self) -> str:
        """The session token, as the page reads it."""
        return self.browser.cookies.get(APP_URL, {}).get("token", "")

    @property
    def account(self) -> Mapping[str, object]:
        """The account that is signed in. Fails the test if there is none."""
        assert self.response.status == 307, self.response
        assert not self.error, self.error
        response = Client(self.browser.app.transport, self.token).get("/api/v1/auths/")
        assert response.status == 200, response
        found: Mapping[str, object] = response.json
        return found


def with_query(url: str, **more: str | None) -> str:
    """Return a URL with other query parameters; None removes one."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | more
    return parts._replace(
        query=urlencode({n: v for n, v in query.items() if v is not None})
    ).geturl()


def query_of(url: str) -> dict[str, str]:
    """Return the query parameters of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
