from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Workspaces and audit"

    def ready(self) -> None:
        from tenants import checks, recorded_migrations  # noqa: F401, PLC0415  registers checks

        recorded_migrations.connect()
