"""The product's settings with one more migration."""

from config.settings.base import *  # noqa: F403

MIGRATION_MODULES = {"assistants": "bench.ordinary_migration"}
