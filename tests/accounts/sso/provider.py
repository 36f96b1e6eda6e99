"""What tests do at the identity provider: people, clients, lies; and a browser that goes there and comes back."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from django.http import HttpResponse
from django.test import Client

PASSWORD = "correct-horse-battery-staple"


@dataclass
class Provider:
    url: str
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def control(self, what: str, **asked: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/control/{what}/", json=asked, timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def person(self, email: str, **asked: Any) -> int:
        return int(self.control("person", email=email, **asked)["id"])

    def client(self, client_id: str, redirect_uri: str) -> str:
        """Returns its secret."""
        self.control("client", id=client_id, secret=self.secret, redirect_uri=redirect_uri)
        return self.secret

    def lie(self, **lies: Any) -> None:
        self.control("lies", **lies)

    def answer(self, authorize_url: str, email: str) -> str:
        """Signs in there as `email` would, and says where the browser is sent back to."""
        browser = requests.Session()
        page = browser.get(authorize_url, timeout=10)
        assert "/accounts/login/" in page.url, page.text
        data = {"login": email, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["idp-csrf"]}
        found = re.search(r'name="next" value="([^"]+)"', page.text)
        assert found is not None
        data["next"] = found.group(1).replace("&amp;", "&")
        response = browser.post(page.url, data=data, allow_redirects=False, timeout=10)
        for _ in range(5):
            assert response.status_code in (302, 303), response.text
            target = requests.compat.urljoin(response.url, response.headers["Location"])
            if not target.startswith(self.url):
                return target
            response = browser.get(target, allow_redirects=False, timeout=10)
        raise AssertionError("the provider never sent the browser back")


def follow(client: Client, provider: Provider, start: str, email: str) -> HttpResponse:
    """From our address that leads there, to what our callback answers."""
    response = client.get(start)
    assert response.status_code == 302, response.content.decode()
    return come_back(client, provider.answer(response["Location"], email))


def come_back(client: Client, url: str) -> HttpResponse:
    parts = urlsplit(url)
    return client.get(f"{parts.path}?{parts.query}")
