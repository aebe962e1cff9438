"""A browser, as far as signing in needs one: it follows redirects, and keeps cookies for each site."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from portico.testing import Client, HTTPTransport, Response

#: Where an in-process house is, for a browser.
HOUSE = "http://testserver"


@dataclass
class Browser:
    """`house`: reached without a socket under `HOUSE`; every other site over HTTP."""

    app: Client
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def get(self, url: str, **headers: str) -> Response:
        """One request, with the cookies of the site."""
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        kept = self.cookies.setdefault(site, {})
        sent = {
            "accept": "text/html",
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            **headers,
        }
        if kept:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in kept.items())
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        if site == HOUSE:
            answer = self.app.get(target, headers=sent)
        else:
            answer = Client(HTTPTransport(site)).get(target, headers=sent)
        for cookie in answer.cookies:
            pair, _, attributes = cookie.partition(";")
            name, _, value = pair.partition("=")
            if "max-age=0" in attributes.lower():
                kept.pop(name, None)
            else:
                kept[name] = value
        return answer

    def follow(self, url: str, until: str = f"{HOUSE}/") -> tuple[str, Response]:
        """Follow redirects up to one that leads below `until`. Returns that address, and the answer that named it."""
        for _ in range(10):
            answer = self.get(url)
            assert answer.status in (302, 303, 307), (url, answer)
            url = urljoin(url, answer.headers["location"])
            if url.startswith(until):
                return url, answer
        raise AssertionError(f"redirected for ever: {url}")

    def sign_in(self, provider: str = "oidc") -> "Landing":
        """Out to a provider and back, as somebody does who clicks on its button."""
        back, _ = self.follow(f"{HOUSE}/oauth/{provider}/login")
        return self.land(back)

    def land(self, back: str) -> "Landing":
        """Open the address that a provider sends the browser back to."""
        return Landing(self.get(back), self)


@dataclass
class Landing:
    """What the house says to whoever comes back."""

    answer: Response
    browser: Browser

    @property
    def error(self) -> str:
        """The reason on the page; empty if there is none."""
        query = parse_qs(urlsplit(self.answer.headers.get("location", "")).query)
        return query.get("error", [""])[0]

    @property
    def token(self) -> str:
        """The session's, as the page reads it."""
        return self.browser.cookies.get(HOUSE, {}).get("token", "")

    @property
    def account(self) -> Mapping[str, object]:
        """Who is signed in now. Fails the test if nobody is."""
        assert self.answer.status == 307, self.answer
        assert not self.error, self.error
        answer = Client(self.browser.app.transport, self.token).get("/api/v1/auths/")
        assert answer.status == 200, answer
        found: Mapping[str, object] = answer.json
        return found


def with_query(url: str, **more: str | None) -> str:
    """An address with other values in its query; None = without it."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | more
    return parts._replace(
        query=urlencode({n: v for n, v in query.items() if v is not None})
    ).geturl()


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
