"""What the other settings stand on: where it runs, under which addresses, by which secret."""

from pathlib import Path
from urllib.parse import urlsplit

from config import env

BASE_DIR = Path(__file__).resolve().parents[2]
STATE_DIR = Path(env.text("STATE_DIR", str(BASE_DIR / ".run"))).resolve()

SECRET_KEY = env.text("SECRET_KEY")
# Former values: what they sealed or signed can still be opened.
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS", [])
DEBUG = env.flag("DEBUG")
DEMO = env.flag("DEMO")
BASE_URL = env.http_url("BASE_URL", "http://127.0.0.1:8000")
# Loopback always answers: health checks call it.
MAIN_HOSTS = frozenset(
    {"127.0.0.1", "localhost", "[::1]", *env.words("ALLOWED_HOSTS", [urlsplit(BASE_URL).hostname or ""])}
)
# Hosts are checked by tenants.middleware: the main hosts and the verified domains of workspaces, nothing else.
ALLOWED_HOSTS = ["*"]
# What new API keys say of where they belong; those of others are refused.
API_KEY_ENVIRONMENT = env.one_of(
    "API_KEY_ENVIRONMENT", ("live", "test", "demo"), "demo" if DEMO else "test" if DEBUG else "live"
)
TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, minimum=0)
PRODUCT_NAME = "Steward"
# Which name server proves domains, "host:port"; empty: the system's.
DNS_RESOLVER = env.resolver("DNS_RESOLVER")
