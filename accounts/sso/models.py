"""Single sign-on of one workspace: its mail domains, its connection to an identity provider, and who is who there."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from tenants.models import Workspace


class MailDomain(models.Model):
    """A domain of mail addresses that a workspace claims. A proven one is nobody else's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="mail_domains")
    # ASCII (punycode), lower case.
    domain = models.CharField(max_length=253)
    # What its owner publishes as TXT record (tenants/dns.py).
    proof = models.CharField(max_length=64)
    verified_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "domain"], name="mail_domain_claimed_once"),
            models.UniqueConstraint(
                fields=["domain"],
                condition=models.Q(verified_at__isnull=False),
                name="mail_domain_proven_by_one",
            ),
            models.CheckConstraint(condition=models.Q(domain=Lower("domain")), name="mail_domain_lower_case"),
        ]

    def __str__(self) -> str:
        return self.domain


class Connection(models.Model):
    """How people of a workspace sign in at its identity provider.

    `draft`: only its owner may test it. `tested`: a way to sign in. `enforced`: the workspace asks for it.
    """

    class Kind(models.TextChoices):
        SAML = "saml", "SAML 2.0"
        OIDC = "oidc", "OpenID Connect"

    class State(models.TextChoices):
        DRAFT = "draft"
        TESTED = "tested"
        ENFORCED = "enforced"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="sso_connection")
    kind = models.CharField(max_length=4, choices=Kind.choices)
    # oidc: issuer, client_id. saml: entity_id, sso_url, certificates (list), idp_initiated.
    settings = models.JSONField(default=dict)
    # The client secret of an OpenID Connect client, under SECRET_KEY (accounts/sso/sealing.py).
    sealed_secret = models.BinaryField(null=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    # Whom the provider lets in becomes a member, with this role.
    provisions = models.BooleanField(default=True)
    default_role = models.CharField(max_length=10, default="member")
    # While enforced: whether members with addresses of other domains may sign in otherwise.
    admits_guests = models.BooleanField(default=True)
    # Sign-ins by what stood here before this moment do not count.
    changed_at = models.DateTimeField()
    tested_at = models.DateTimeField(null=True, blank=True)
    enforced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "single sign-on connection"
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=["saml", "oidc"]), name="sso_kind_known"),
            models.CheckConstraint(
                condition=models.Q(state__in=["draft", "tested", "enforced"]), name="sso_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(default_role__in=["admin", "member", "viewer"]), name="sso_role_not_owner"
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft") | models.Q(tested_at__isnull=False),
                name="sso_used_after_a_test",
            ),
            models.CheckConstraint(
                condition=models.Q(state="enforced") ^ models.Q(enforced_at__isnull=True),
                name="sso_enforced_since",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.workspace_id}"

    @property
    def issuer(self) -> str:
        """Who speaks: with a person's subject it says who somebody is."""
        issuer: str = self.settings["issuer" if self.kind == self.Kind.OIDC else "entity_id"]
        return issuer


class Identity(models.Model):
    """Who somebody is at the provider, bound once. `uid`: SHA-256 of issuer and subject, which names nobody.

    Later sign-ins find the person by it and never by address, so that an address which changes hands at the provider
    opens nobody else's account.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="identities")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sso_identities"
    )
    uid = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["connection", "uid"], name="sso_identity_of_one_person"),
            models.UniqueConstraint(fields=["connection", "user"], name="sso_person_of_one_identity"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.connection_id}"
