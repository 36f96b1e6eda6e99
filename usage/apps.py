from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "usage"

    def ready(self) -> None:
        from config import personal, ports  # noqa: PLC0415
        from tenants.lifecycle import inventory  # noqa: PLC0415
        from usage import books, report  # noqa: PLC0415
        from usage.holds import access, services  # noqa: PLC0415
        from usage.limits import keys  # noqa: PLC0415
        from usage.personal_data import HOLDINGS  # noqa: PLC0415

        personal.register(HOLDINGS)
        ports.workspace_suspended.fill(services.stop_workspace)
        inventory.add(books.inventory_of)
        ports.api_key_ended.fill(access.stop_runs_of_key)
        ports.key_limits_set.fill(keys.set_key_limits)
        ports.key_limit_words.fill(keys.words_of_limits)
        ports.usage_of_keys.fill(report.usage_of_keys)
