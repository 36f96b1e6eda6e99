"""An identity provider of its own: allauth's OpenID Connect app on loopback, in a process beside the tests.

    python serve.py DIRECTORY

SQLite and all else stay in DIRECTORY. Prints its address and then serves. `/control/` is for the tests: it makes people
and clients, and sets what the next ID tokens say in spite of the truth.
"""

import json
import logging
import os
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

PASSWORD = "correct-horse-battery-staple"
LIES: dict[str, Any] = {}


def configure(directory: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from django.conf import settings

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    settings.configure(
        SECRET_KEY="of the identity provider of the tests",
        ALLOWED_HOSTS=["*"],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": directory / "idp.sqlite3"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "allauth",
            "allauth.account",
            "allauth.idp.oidc",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        ACCOUNT_LOGIN_METHODS={"email"},
        ACCOUNT_SIGNUP_FIELDS=["email*", "password1*"],
        ACCOUNT_RATE_LIMITS=False,
        IDP_OIDC_ADAPTER=f"{__name__}.LyingAdapter",
        IDP_OIDC_PRIVATE_KEY=pem.decode(),
        SESSION_COOKIE_NAME="idp-session",
        CSRF_COOKIE_NAME="idp-csrf",
    )


def make_application() -> Any:
    import django
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    django.setup()
    call_command("migrate", verbosity=0)
    from allauth.idp.oidc.adapter import DefaultOIDCAdapter

    class LyingAdapter(DefaultOIDCAdapter):
        def get_claims(self, purpose: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
            claims: dict[str, Any] = super().get_claims(purpose, *args, **kwargs)
            # Like providers that keep an ID token small.
            if purpose == "id_token" and LIES.get("small"):
                claims.pop("email", None)
            if purpose == "userinfo":
                claims |= LIES.get("userinfo", {})
            return claims

        def populate_id_token(
            self, id_token: dict[str, Any], client: Any, scopes: Any, **kwargs: Any
        ) -> None:
            id_token.update(LIES.get("id_token", {}))

        def populate_server_metadata(self, data: dict[str, Any]) -> None:
            data.update(LIES.get("metadata", {}))

    globals()["LyingAdapter"] = LyingAdapter
    globals()["urlpatterns"] = _urls()
    return get_wsgi_application()


def _urls() -> list[Any]:
    from django.http import HttpResponseRedirect
    from django.urls import include, path
    from django.views.decorators.csrf import csrf_exempt

    return [
        path("accounts/", include("allauth.urls")),
        path("control/person/", csrf_exempt(person)),
        path("control/client/", csrf_exempt(client)),
        path("control/lies/", csrf_exempt(lies)),
        path("moved/.well-known/openid-configuration", lambda request: HttpResponseRedirect("/")),
        path("", include("allauth.idp.urls")),
    ]


def person(request: Any) -> Any:
    """Makes somebody, or with `id` gives them another address: as an administrator there would."""
    from allauth.account.models import EmailAddress
    from django.contrib.auth.models import User
    from django.http import JsonResponse

    asked = json.loads(request.body)
    user, _ = User.objects.get_or_create(
        **({"pk": asked["id"]} if "id" in asked else {"username": asked["email"]})
    )
    user.email, user.first_name = asked["email"], asked.get("name", "")
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(
        user=user, email=asked["email"], primary=True, verified=asked.get("verified", True)
    )
    return JsonResponse({"id": user.pk})


def client(request: Any) -> Any:
    from allauth.idp.oidc.models import Client
    from django.contrib.auth.hashers import make_password
    from django.http import JsonResponse

    asked = json.loads(request.body)
    made, _ = Client.objects.update_or_create(
        id=asked["id"],
        defaults={
            "name": "Steward",
            "secret": make_password(asked["secret"]),
            "scopes": "openid\nprofile\nemail",
            "redirect_uris": asked["redirect_uri"],
            "skip_consent": True,
        },
    )
    return JsonResponse({"id": made.pk})


def lies(request: Any) -> Any:
    from django.http import JsonResponse

    LIES.clear()
    LIES.update(json.loads(request.body))
    return JsonResponse(LIES)


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None: ...


def main() -> None:
    directory = Path(sys.argv[1])
    sys.modules["idp_of_the_tests"] = sys.modules[__name__]
    globals()["__name__"] = "idp_of_the_tests"
    configure(directory)
    application = make_application()
    logging.disable(logging.CRITICAL)
    server = make_server("127.0.0.1", 0, application, server_class=Server, handler_class=Quiet)
    os.write(1, f"http://localhost:{server.server_port}\n".encode())
    server.serve_forever()


if __name__ == "__main__":
    main()
