"""How people come in: django-allauth's parts, second factors, other services, single sign-on, tokens, legal pages."""

from pathlib import Path
from urllib.parse import urlsplit

from config import env
from config.settings.ground import BASE_DIR, BASE_URL, SECRET_KEY, TRUSTED_PROXY_COUNT

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
# Where a secret is tried, accounts.signin.braking counts, in one step; allauth's own counting stays where none is.
ACCOUNT_RATE_LIMITS = dict.fromkeys(
    (
        "login", "login_failed", "signup", "request_login_code", "reset_password", "reset_password_from_key",
        "reauthenticate", "change_password",
    )
)  # fmt: skip
ACCOUNT_FORMS = {
    "login": "accounts.signin.forms.LoginForm",
    "signup": "accounts.signin.forms.SignupForm",
    "request_login_code": "accounts.signin.forms.RequestLoginCodeForm",
    "confirm_login_code": "accounts.signin.forms.ConfirmLoginCodeForm",
    "reset_password": "accounts.signin.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.signin.forms.ResetPasswordKeyForm",
    "reauthenticate": "accounts.signin.forms.ReauthenticateForm",
    "change_password": "accounts.signin.forms.ChangePasswordForm",
}
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = BASE_URL.split(":", 1)[0]
MFA_ADAPTER = "accounts.signin.second_factors.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# A clock may be half a minute off; accounts.signin.codes lets each code work once all the same.
MFA_TOTP_TOLERANCE = 1
# Browsers allow passkeys without TLS on loopback only.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = urlsplit(BASE_URL).hostname in ("localhost", "127.0.0.1", "::1")
MFA_RATE_LIMITS = {"webauthn_login": None}
MFA_FORMS = {
    "authenticate": "accounts.signin.forms.AuthenticateForm",
    "reauthenticate": "accounts.signin.forms.ReauthenticateMfaForm",
    "activate_totp": "accounts.signin.forms.ActivateTOTPForm",
    "authenticate_webauthn": "accounts.signin.forms.AuthenticateWebAuthnForm",
    "login_webauthn": "accounts.signin.forms.LoginWebAuthnForm",
    "reauthenticate_webauthn": "accounts.signin.forms.ReauthenticateWebAuthnForm",
}
# accounts.signin.activity notes it once a minute; allauth's own way writes on each request.
USERSESSIONS_TRACK_ACTIVITY = False
SOCIALACCOUNT_ADAPTER = "accounts.sso.adapter.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = env.sign_in_services() | {
    # Of workspaces. Their addresses come with them, in the place of allauth's.
    "saml": {"provider_class": "accounts.sso.saml.provider.WorkspaceSAML"},
    "openid_connect": {"provider_class": "accounts.sso.oidc.provider.WorkspaceOIDC"},
}
SOCIALACCOUNT_FORMS = {"signup": "accounts.signin.forms.SocialSignupForm"}
# Another service's word never signs in to an account that somebody made here: they connect it when signed in.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_QUERY_EMAIL = True
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
# Identity providers on http and on private hosts: intranets and tests only.
SSO_ALLOW_PRIVATE_HOSTS = env.flag("SSO_ALLOW_PRIVATE_HOSTS")

# Markdown files of the legal pages (docs/legal.md)
LEGAL_DIR = Path(env.text("LEGAL_DIR", str(BASE_DIR / "legal")))
# Tokens of programs that sign in (docs/api-auth.md)
HEADLESS_TOKEN_STRATEGY = "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"  # noqa: S105  a path
HEADLESS_JWT_ALGORITHM = "HS256"
HEADLESS_JWT_PRIVATE_KEY = env.derived("", SECRET_KEY, "tokens of the API")
HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True
HEADLESS_JWT_ROTATE_REFRESH_TOKEN = True
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 300
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = 14 * 86_400
