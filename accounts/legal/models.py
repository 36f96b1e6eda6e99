"""What people accepted, in which version, and when."""

from django.conf import settings
from django.db import models


class Consent(models.Model):
    """One document in one version that a person accepted. What they accepted last stands in `User.accepted` too."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    document = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    # From where, sealed under the person's key (tenants/sealing.py); empty when nobody asked over the web.
    sealed = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "document", "version"], name="consent_once_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.document} {self.version}"
