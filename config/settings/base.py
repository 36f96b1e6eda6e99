"""Settings, read once from the environment. docs/configuration.md lists every variable."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from config import env, logs
from config.settings.ground import *  # noqa: F403
from config.settings.ground import BASE_DIR, BASE_URL, DEMO, SECRET_KEY, STATE_DIR, TRUSTED_PROXY_COUNT
from config.settings.people import *  # noqa: F403
from config.settings.people import SOCIALACCOUNT_PROVIDERS

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = True
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Apps. The control plane lives in `public`, the data plane in one schema per workspace.
SHARED_APPS = [
    "django.contrib.admin",  # before django_tenants, whose pages for it break the content security policy
    "django_tenants",
    "config",
    "tenants",
    "accounts",
    "usage",
    "billing",
    "djstripe",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.microsoft",
    "allauth.socialaccount.providers.saml",
    "allauth.socialaccount.providers.openid_connect",
    "anymail",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
TENANT_APPS = ["assistants"]
# Simulated payments are an app of their own: where real ones are made, it is not there.
STRIPE_SIMULATED = env.flag("STRIPE_SIMULATED")
if STRIPE_SIMULATED:
    SHARED_APPS.append("billing.simulator")
INSTALLED_APPS = SHARED_APPS + TENANT_APPS
TENANT_MODEL = "tenants.Workspace"
TENANT_DOMAIN_MODEL = "tenants.Domain"
PUBLIC_SCHEMA_NAME = "public"
TENANT_LIMIT_SET_CALLS = True
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
# dj-stripe's own history takes a minute to replay on an empty database; ours makes the same tables (docs/billing.md).
MIGRATION_MODULES = {"djstripe": "billing.djstripe_migrations"}

MIDDLEWARE = [
    "config.middleware.request_context",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "accounts.keys.exposure.refuse_keys_in_urls",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.DomainErrorMiddleware",
    "tenants.middleware.locate_workspace",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "accounts.auditlog.middleware.audit_origin",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.signin.activity.note_activity",
    "accounts.handoff.middleware.bind_session",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.signin.braking.BrakeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.legal.middleware.ConsentMiddleware",
    "accounts.profile.middleware.TimezoneMiddleware",
    "accounts.middleware.MemberMiddleware",
    "usage.pace.middleware.PaceMiddleware",
    "usage.features.middleware.FeaturesMiddleware",
    "accounts.idempotency.middleware.IdempotencyMiddleware",
    "config.preconditions.PreconditionMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context_processors.product",
                "accounts.context_processors.brand",
                "accounts.context_processors.navigation",
                "usage.context_processors.banners",
                "billing.context_processors.billing",
                "assistants.chat.context_processors.navigation",
            ],
            "builtins": ["tenants.templatetags.icons"],
        },
    }
]

# Data
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "config.postgresql",
        **env.database(),
        "CONN_MAX_AGE": 0,
        # The backend checks each connection itself.
        "CONN_HEALTH_CHECKS": False,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            "pool": {
                "min_size": 1,
                "max_size": env.integer("DATABASE_POOL_SIZE", 16, minimum=1),
                "timeout": 10,
                # A burst's connections go back to the server a minute after it.
                "max_idle": 60,
            },
            "connect_timeout": 5,
            "application_name": "steward",
        },
    }
}
REDIS_URL = env.text("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_FUNCTION": "tenants.keys.cache_key",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    },
    # What belongs to no workspace: how often an address sent a form.
    "shared": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "shared",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    },
}
# Tests raise where an audit entry would keep a secret; elsewhere it is left out, and said in the log of errors.
AUDIT_RAISES_ON_LEAKS = False
RATELIMIT_USE_CACHE = "shared"
RATELIMIT_IP_META_KEY = "accounts.adapter.client_address"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
MESSAGE_STORAGE = "django.contrib.messages.storage.fallback.FallbackStorage"

# Mail
MAIL_DIR = Path(env.text("MAIL_DIR", str(STATE_DIR / "mail")))
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", "Steward <no-reply@localhost>")
EMAIL_TIMEOUT = 10
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if DEMO:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = MAIL_DIR
globals().update(env.email() | env.mail_provider())

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.MemberAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.authentication.MemberPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "config.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "config.api_schema.AutoSchema",
    "EXCEPTION_HANDLER": "config.api_errors.exception_handler",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Steward API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Nothing is sent to a validator elsewhere.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none", "validatorUrl": None},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.sparse.document_fields",
    ],
    # Choices whose field's name several have: what they are called in the document.
    "ENUM_NAME_OVERRIDES": {
        "MessageRoleEnum": "assistants.models.Message.Role",
        "MeterEnum": "usage.models.Meter",
        "ProviderKindEnum": "assistants.models.Provider.Kind",
        "RoleEnum": "accounts.models.Membership.Role",
        "RunKindEnum": "assistants.models.Run.Kind",
        "RunStateEnum": "assistants.models.Run.State",
        "SubjectEnum": "usage.models.SubjectKind",
        "WebhookStateEnum": "tenants.models.WebhookEndpoint.State",
    },
}

# Background work
# Celery has another spelling for a Redis behind a socket file.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")

# Models
OPENAI_API_KEY = env.text("OPENAI_API_KEY", "")
OPENAI_BASE_URL = env.http_url("OPENAI_BASE_URL", "https://api.openai.com/v1")
PROVIDER_NAME = env.text("PROVIDER_NAME", "openai")
# Shown to people beside every answer, for example "Simulated provider". The code knows no other difference.
PROVIDER_NOTICE = env.text("PROVIDER_NOTICE", "")
# Where the provider tells what it billed, as JSON (docs/usage.md); empty: it does not, and the books say so.
PROVIDER_REPORT_URL = env.text("PROVIDER_REPORT_URL", "")
# Providers that run on the operator's own machines: plans without cloud models may use these.
LOCAL_PROVIDERS = frozenset(env.words("LOCAL_PROVIDERS", ["ollama", "vllm", "llamacpp", "lmstudio"]))
# Workspaces may point at servers on private hosts and on http: local models, intranets.
PROVIDERS_ALLOW_PRIVATE_HOSTS = env.flag("PROVIDERS_ALLOW_PRIVATE_HOSTS")
# Webhooks may go to private hosts and to http: intranets and tests only.
WEBHOOKS_ALLOW_PRIVATE_HOSTS = env.flag("WEBHOOKS_ALLOW_PRIVATE_HOSTS")
# Of the platform's models, those that see images.
VISION_MODELS = frozenset(env.words("VISION_MODELS", ["gpt-4o-mini", "gpt-4o"]))
CHAT_MODELS = env.words("CHAT_MODELS", ["gpt-4o-mini", "gpt-4o"])
# Of the platform's models, those that `/v1/` serves besides (docs/openai-protocol.md).
EMBEDDING_MODELS = env.words("EMBEDDING_MODELS", ["text-embedding-3-small", "text-embedding-3-large"])
IMAGE_MODELS = env.words("IMAGE_MODELS", ["gpt-image-1"])
SPEECH_MODELS = env.words("SPEECH_MODELS", ["gpt-4o-mini-tts"])
TRANSCRIPTION_MODELS = env.words("TRANSCRIPTION_MODELS", ["whisper-1", "gpt-4o-mini-transcribe"])
# The model that makes vectors for recall (docs/memory.md); empty: full text alone finds.
EMBEDDING_MODEL = env.text("EMBEDDING_MODEL", "")
# Whether the model writes the titles of conversations, each in a small metered run.
WRITES_TITLES = env.flag("WRITES_TITLES", default=True)
# How long a conversation rests before it is read for what to remember.
MEMORY_REST_S = env.integer("MEMORY_REST_S", 8, minimum=0)
PROVIDER_CONNECT_TIMEOUT_S = 5
# Also before the first token.
PROVIDER_SILENCE_TIMEOUT_S = env.integer("PROVIDER_SILENCE_TIMEOUT_S", 20, minimum=1)
TOOL_ROUNDS = env.integer("TOOL_ROUNDS", 6, minimum=2)
RUN_DEADLINE_S = env.integer("RUN_DEADLINE_S", 600, minimum=10)

# Limits
# The workspace page that a refusal for want of quota leads to.
UPGRADE_PAGE = "billing"

# Payments
PLAN_CATALOGUE = env.text("PLAN_CATALOGUE", "alin")
STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY", "sk_test_" + "0" * 24 if STRIPE_SIMULATED else "")
STRIPE_LIVE_MODE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
# Several while one is being replaced: each may verify a delivery.
STRIPE_WEBHOOK_SECRETS = env.words("STRIPE_WEBHOOK_SECRET", [])
# Shown wherever money is spoken of, for example "Simulated payments". The code knows no other difference.
PAYMENTS_NOTICE = ""
# A class of stripe.HTTPClient; empty: the SDK's own.
STRIPE_HTTP_CLIENT = ""
STRIPE_API_BASE = env.text("STRIPE_API_BASE", "")
STRIPE_AUTOMATIC_TAX = env.flag("STRIPE_AUTOMATIC_TAX")
STRIPE_API_VERSION = "2026-08-26.dahlia"
STRIPE_TIMEOUT_S = 20
PAYMENT_PAGES = ("https://checkout.stripe.com", "https://billing.stripe.com")
if STRIPE_SIMULATED:
    PAYMENTS_NOTICE = "Simulated payments — no money moves"
    if not STRIPE_API_BASE:
        STRIPE_HTTP_CLIENT = "billing.simulator.transport.InProcessClient"
    if not STRIPE_WEBHOOK_SECRETS:
        STRIPE_WEBHOOK_SECRETS = [env.derived("whsec_", SECRET_KEY, "simulated payments")]
# Modules that give the demo's workspaces what the app that makes them does not know.
DEMO_SEEDS = ["billing.demo"]
BILLING_GRACE_DAYS = env.integer("BILLING_GRACE_DAYS", 7, minimum=0)
DJSTRIPE_SUBSCRIBER_MODEL = "tenants.Workspace"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"

# Files
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(STATE_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# What people upload; named by `tenants.keys`, served by views that ask who is there.
MEDIA_ROOT = Path(env.text("FILES_DIR", str(STATE_DIR / "files")))

# Browser security
SIGN_IN_PAGES = [
    origin
    for service, origin in {
        "google": "https://accounts.google.com",
        "github": "https://github.com",
        "microsoft": "https://login.microsoftonline.com",
    }.items()
    if service in SOCIALACCOUNT_PROVIDERS
]
BASE_ORIGIN = "{0.scheme}://{0.netloc}".format(urlsplit(BASE_URL))
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        # The form that leads to payment is answered by a redirect, which browsers hold against this list too. A
        # workspace's own host leads to the main one.
        "form-action": [SELF, BASE_ORIGIN, *PAYMENT_PAGES, *SIGN_IN_PAGES],
        "frame-ancestors": [NONE],
    }
}
HTTPS = BASE_URL.startswith("https://")
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "config.views.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$", r"^domains/allowed$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

LOGGING = logs.configuration(
    level=env.text("LOG_LEVEL", "INFO"), as_json=env.text("LOG_FORMAT", "json") == "json"
)
