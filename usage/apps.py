from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "usage"

    def ready(self) -> None:
        from config import ports  # noqa: PLC0415
        from usage.holds import services  # noqa: PLC0415
        from usage.limits import keys  # noqa: PLC0415

        ports.workspace_suspended.fill(services.stop_workspace)
        ports.key_limits_set.fill(keys.set_key_limits)
