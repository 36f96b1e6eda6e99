"""Makes dj-stripe's tables at once; its own history replays 520 operations. The names are upstream's, so that
MIGRATION_MODULES can be taken out again. Renewed with dj-stripe: `makemigrations djstripe` (docs/billing.md).
"""
