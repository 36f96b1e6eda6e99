from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Workspaces and audit"

    def ready(self) -> None:
        from config import personal  # noqa: PLC0415
        from tenants import checks, recorded_migrations  # noqa: F401, PLC0415  registers checks
        from tenants.lifecycle import inventory, leftovers  # noqa: PLC0415
        from tenants.personal_data import HOLDINGS  # noqa: PLC0415

        recorded_migrations.connect()
        personal.register(HOLDINGS)
        inventory.add(leftovers.inventory_of)
