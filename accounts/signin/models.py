"""What a person signs in from."""

from django.conf import settings
from django.db import models


class KnownDevice(models.Model):
    """A browser on a system from which the person has signed in: whoever comes from another one is told by mail."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="known_devices")
    browser = models.CharField(max_length=60)
    system = models.CharField(max_length=60)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "browser", "system"], name="known_device_once")
        ]

    def __str__(self) -> str:
        return f"{self.browser} on {self.system}"
