"""A row of each model of people and workspaces, for the sweep over the staff pages."""

from uuid import uuid4

from django.utils import timezone

from accounts.members import services as members
from accounts.models import Consent, ErasureJob, HostSession, KnownDevice, Mail
from tenants import sealing
from tenants.models import Erasure, FormerSlug, ReservedSlug
from tests import exports


def make_rows(cast) -> None:
    sealing.seal(uuid4(), {"name": "Somebody"})
    FormerSlug.objects.create(slug="acme-before", workspace_id=cast.acme.id)
    Erasure.objects.create(workspace_id=uuid4(), schema_name="ws_gone", begun_at=timezone.now())
    ReservedSlug.objects.create(slug_hash="0" * 64, until=timezone.now())
    Consent.objects.create(user=cast.owner.user, document="terms", version="0")
    Mail.objects.create(key="test:1", kind="invitation")
    exports.make(cast.acme.id)
    ErasureJob.objects.create(user_id=uuid4())
    make_single_sign_on(cast)


def make_single_sign_on(cast) -> None:
    from django.utils import timezone

    from accounts.sso.models import Connection, Identity, MailDomain

    MailDomain.objects.create(workspace_id=cast.acme.id, domain="rows.test", proof="x" * 40)
    connection = Connection.objects.create(
        workspace_id=cast.acme.id,
        kind="oidc",
        settings={"issuer": "https://idp.test", "client_id": "rows"},
        sealed_secret=b"sealed",
        changed_at=timezone.now(),
    )
    Identity.objects.create(connection=connection, user=cast.owner.user, uid="0" * 64)
    KnownDevice.objects.create(user=cast.owner.user, browser="Firefox", system="Linux")
    members.invite(member=cast.owner.member, emails=["somebody@example.test"], role="member")
    HostSession.objects.create(
        session_key="k" * 32,
        parent_key="p" * 32,
        user=cast.owner.user,
        workspace_id=cast.acme.id,
        host="ai.acme.test",
    )
