"""Sessions on workspaces' own domains."""

from django.conf import settings
from django.db import models

from tenants.models import Workspace


class HostSession(models.Model):
    """A session on a workspace's own domain, which ends with the one on the main host that it came from."""

    session_key = models.CharField(max_length=40, primary_key=True)
    parent_key = models.CharField(max_length=40, db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="host_sessions")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="host_sessions")
    host = models.CharField(max_length=253)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.user_id} on {self.host}"
