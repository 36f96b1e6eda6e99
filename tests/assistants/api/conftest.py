"""Callers of the REST API: a person's key, and what each of the workspace gets for the same address."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from tenants.scope import workspace_scope
from tests import factories

API = "/api/v1"


class Caller:
    """With a key of this person; paths begin after /api/v1/."""

    def __init__(self, person: factories.Person, scopes: list[str] | None = None) -> None:
        self.member = person.member
        self.client = factories.with_key(factories.make_key(person.member, scopes))

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(f"{API}/{path}", query or None)

    def send(self, method: str, path: str, **body: Any) -> HttpResponse:
        return getattr(self.client, method)(f"{API}/{path}", body, content_type="application/json")

    def post(self, path: str, **body: Any) -> HttpResponse:
        return self.send("post", path, **body)

    def patch(self, path: str, **body: Any) -> HttpResponse:
        return self.send("patch", path, **body)

    def put(self, path: str, **body: Any) -> HttpResponse:
        return self.send("put", path, **body)

    def delete(self, path: str) -> HttpResponse:
        return self.client.delete(f"{API}/{path}")

    def send_if(self, tag: str, method: str, path: str, **body: Any) -> HttpResponse:
        """With `If-Match`."""
        send = getattr(self.client, method)
        return send(f"{API}/{path}", body, content_type="application/json", headers={"If-Match": tag})

    def upload(self, path: str, file: Any, **fields: Any) -> HttpResponse:
        return self.client.post(f"{API}/{path}", {"file": file, **fields})

    def rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        response = self.get(path, **query)
        assert response.status_code == 200, response.content
        return response.json()["results"]

    def queries(self, path: str) -> int:
        """Of the second request: the first one may warm what is kept."""
        self.get(path)
        with CaptureQueriesContext(connection) as captured:
            assert self.get(path).status_code == 200
        return len([row for row in captured if not row["sql"].startswith("SET search_path")])


@pytest.fixture(autouse=True)
def storage(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def here(db, acme) -> Callable[[], AbstractContextManager[Any]]:
    """Enters the workspace for what a test makes by services; requests are made outside."""
    return lambda: workspace_scope(acme.id)


@pytest.fixture
def api(db, owner) -> Iterator[Caller]:
    yield Caller(owner)


@pytest.fixture
def elsewhere(db, globex_owner) -> Iterator[Caller]:
    """Of another workspace."""
    yield Caller(globex_owner)


@pytest.fixture
def other(db, admin) -> Iterator[Caller]:
    """An administrator: sees nothing of what is the owner's alone."""
    yield Caller(admin)
