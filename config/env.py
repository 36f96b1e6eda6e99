"""Settings from the environment, parsed loudly: a wrong value stops the start with one clear sentence."""

import hashlib
import hmac
import importlib.util
import os
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})


def text(name: str, default: str | None = None) -> str:
    """Value of `name`. Raises ImproperlyConfigured when it is unset and has no default."""
    value = os.environ.get(name)
    if value is None or value == "":
        if default is None:
            raise ImproperlyConfigured(
                f"{name} is not set. Set it in the environment (see README, Configure)."
            )
        return default
    return value


def flag(name: str, *, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    lowered = value.strip().lower()
    if lowered in TRUE:
        return True
    if lowered in FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is not a yes/no value; use 1 or 0.")


def integer(name: str, default: int, *, minimum: int | None = None) -> int:
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number.") from error
    if minimum is not None and number < minimum:
        raise ImproperlyConfigured(f"{name}={number} is below {minimum}.")
    return number


def one_of(name: str, known: tuple[str, ...], default: str) -> str:
    """Raises ImproperlyConfigured."""
    value = text(name, default) or default
    if value not in known:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(known)}, not {value!r}.")
    return value


def words(name: str, default: list[str]) -> list[str]:
    """A comma-separated list; blanks dropped."""
    value = os.environ.get(name)
    if value is None:
        return default
    return [word.strip() for word in value.split(",") if word.strip()]


def http_url(name: str, default: str) -> str:
    """An http(s) URL without a trailing slash."""
    value = text(name, default)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ImproperlyConfigured(f"{name}={value!r} is not an http:// or https:// address.")
    return value.rstrip("/")


def split_host_port(value: str) -> tuple[str, int]:
    """`127.0.0.1:5353`, `[::1]:5353`; without a port that of DNS. Raises ValueError: names are no addresses."""
    host, port = value, "53"
    if value.startswith("[") or value.count(":") == 1:
        host, _, port = value.rpartition(":") if not value.endswith("]") else (value, "", port)
    return str(ip_address(host.strip("[]"))), int(port)


def resolver(name: str) -> str:
    """The address of a name server, `host:port`, or empty."""
    value = text(name, "")
    try:
        if value:
            split_host_port(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={value!r} is not an address like 127.0.0.1:53.") from error
    return value


def derived(prefix: str, secret: str, purpose: str) -> str:
    """A secret of its own for `purpose`, the same at each start: HMAC-SHA256 of the purpose under `secret`."""
    return prefix + hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def database(name: str = "DATABASE_URL") -> dict[str, str]:
    """postgres://user:password@host:port/name, or with ?host=/socket/directory, as Django's keys."""
    value = text(name)
    parts = urlsplit(value)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(
            f"{name} must start with postgres:// (found {parts.scheme or 'no scheme'})."
        )
    options = dict(parse_qsl(parts.query))
    database_name = unquote(parts.path.lstrip("/"))
    if not database_name:
        raise ImproperlyConfigured(f"{name} names no database; it ends in /NAME.")
    return {
        "NAME": database_name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.get("host", unquote(parts.hostname or "")),
        "PORT": options.get("port", str(parts.port or "")),
    }


def email() -> dict[str, str | int | bool]:
    """EMAIL_URL: smtp://user:password@host:port, smtps://… (TLS at once) or smtp+tls://… (STARTTLS)."""
    value = text("EMAIL_URL", "")
    if not value:
        return {}
    parts = urlsplit(value)
    if parts.scheme not in ("smtp", "smtps", "smtp+tls") or not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL must look like smtp+tls://user:password@host:587.")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
    }


MAIL_PROVIDERS = frozenset(
    {
        "amazon_ses", "brevo", "mailersend", "mailgun", "mailjet", "mailtrap", "mandrill", "postal", "postmark",
        "resend", "scaleway", "sendgrid", "sparkpost", "unisender_go",
    }
)  # fmt: skip


def mail_provider(name: str = "MAIL_PROVIDER") -> dict[str, Any]:
    """One of the services that django-anymail speaks to, with its settings from `ANYMAIL_…`. Nothing is tracked."""
    provider = text(name, "")
    if not provider:
        return {}
    if provider not in MAIL_PROVIDERS:
        raise ImproperlyConfigured(f"{name}={provider!r} is not one of {', '.join(sorted(MAIL_PROVIDERS))}.")
    if os.environ.get("EMAIL_URL"):
        raise ImproperlyConfigured(f"{name} and EMAIL_URL are both set: mail leaves by one of them.")
    if provider == "amazon_ses" and importlib.util.find_spec("boto3") is None:
        raise ImproperlyConfigured(f"{name}=amazon_ses needs the package boto3: pip install boto3.")
    prefix = "ANYMAIL_"
    own = {key.removeprefix(prefix): value for key, value in os.environ.items() if key.startswith(prefix)}
    if not own and provider != "amazon_ses":
        raise ImproperlyConfigured(
            f"{name}={provider} needs its key, for example ANYMAIL_POSTMARK_SERVER_TOKEN."
        )
    defaults = {"track_opens": False, "track_clicks": False}
    fixed = {"SEND_DEFAULTS": defaults, "IGNORE_UNSUPPORTED_FEATURES": True, "REQUESTS_TIMEOUT": 10}
    return {"EMAIL_BACKEND": f"anymail.backends.{provider}.EmailBackend", "ANYMAIL": {**own, **fixed}}


def sign_in_services() -> dict[str, dict[str, Any]]:
    """Services that people may sign in with, for django-allauth: those of which both keys are set."""
    google = text("GOOGLE_CLIENT_ID", ""), text("GOOGLE_CLIENT_SECRET", "")
    github = text("GITHUB_CLIENT_ID", ""), text("GITHUB_CLIENT_SECRET", "")
    microsoft = text("MICROSOFT_CLIENT_ID", ""), text("MICROSOFT_CLIENT_SECRET", "")
    tenant = {"settings": {"tenant": text("MICROSOFT_TENANT", "common")}}
    found = {
        "google": _service("GOOGLE", google, scope=["profile", "email"]),
        "github": _service("GITHUB", github, scope=["user:email"]),
        "microsoft": _service("MICROSOFT", microsoft, scope=["User.Read"], **tenant),
    }
    return {name: service for name, service in found.items() if service}


def _service(prefix: str, keys: tuple[str, str], *, scope: list[str], **options: Any) -> dict[str, Any]:
    client_id, secret = keys
    if bool(client_id) != bool(secret):
        raise ImproperlyConfigured(f"Set both {prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET, or neither.")
    app = {"client_id": client_id, "secret": secret, "key": "", **options}
    return {"APPS": [app], "SCOPE": scope, "OAUTH_PKCE_ENABLED": True} if client_id else {}
