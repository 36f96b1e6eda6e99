import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.sso import services
from accounts.sso.models import Connection, MailDomain
from accounts.sso.oidc.provider import redirect_uri
from tests import factories
from tests.accounts.sso.provider import Provider
from tests.factories import Person

PEOPLE = {"provisions": True, "default_role": "member", "admits_guests": True}


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory) -> Iterator[Provider]:
    script = Path(__file__).parent / "idp" / "serve.py"
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path_factory.mktemp("idp"))], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://localhost:"), "the identity provider did not start"
    yield Provider(url)
    process.terminate()
    process.wait(10)


@pytest.fixture
def provider(provider_process, settings) -> Iterator[Provider]:
    settings.SSO_ALLOW_PRIVATE_HOSTS = True
    provider_process.lie()
    yield provider_process
    provider_process.lie()


@dataclass(frozen=True)
class Firm:
    """A workspace of its own with an owner of the proven domain `domain`."""

    owner: Person
    domain: str

    @property
    def workspace(self) -> factories.WorkspaceRef:
        assert self.owner.workspace is not None
        return self.owner.workspace

    def address(self, name: str) -> str:
        return f"{name}@{self.domain}"

    def connection(self) -> Connection:
        return Connection.objects.select_related("workspace").get(workspace_id=self.workspace.id)

    def page(self, rest: str = "") -> str:
        return f"/w/{self.workspace.slug}/settings/sso/{rest}"


def make_firm(name: str) -> Firm:
    domain = f"{name}.test"
    owner = factories.make_user(f"owner@{domain}")
    workspace = factories.make_workspace(owner)
    prove(workspace.id, domain)
    return Firm(Person(owner, workspace, factories.member_of(workspace, owner)), domain)


def prove(workspace_id, domain: str) -> MailDomain:
    return MailDomain.objects.create(
        workspace_id=workspace_id, domain=domain, proof="x" * 40, verified_at=timezone.now()
    )


@pytest.fixture
def firm(db) -> Firm:
    # Of its own each time: brakes count by address, and outlive a test.
    return make_firm(f"firm-{secrets.token_hex(4)}")


@pytest.fixture
def oidc(firm, provider) -> Connection:
    """A tested connection of the firm to the provider that runs."""
    connection = services.save_connection(
        member=firm.owner.member,
        kind="oidc",
        settings={"issuer": provider.url, "client_id": f"steward-{firm.domain}"},
        secret=provider.secret,
        people=PEOPLE,
    )
    provider.client(connection.settings["client_id"], redirect_uri(connection.id))
    return use(connection)


def use(connection: Connection) -> Connection:
    """As if its test had ended well."""
    Connection.objects.filter(id=connection.id).update(state="tested", tested_at=timezone.now())
    return Connection.objects.select_related("workspace").get(id=connection.id)
