"""Settings of the test suite: the same parts, with cheap password hashing and mail kept in memory."""

import os
import re

os.environ.setdefault("SECRET_KEY", "test-secret-key-that-is-long-enough-for-every-check-0123456789")
os.environ.setdefault("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/steward")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:6379/0")
os.environ.setdefault("OPENAI_API_KEY", "simulated")
os.environ.setdefault("STRIPE_SIMULATED", "1")
# Nobody listens there: a test that asks for proofs of domains uses the fixture `dns_zone`.
os.environ.setdefault("DNS_RESOLVER", "127.0.0.1:9")
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("LOG_FORMAT", "text")

# Processes of one parallel run (pytest -n) share the server, not the keys.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["REDIS_URL"] = re.sub(r"(?<=/|=)\d+$", worker.removeprefix("gw"), os.environ["REDIS_URL"])

from config.settings.base import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
AUDIT_RAISES_ON_LEAKS = True
