from django.apps import AppConfig


class GroundConfig(AppConfig):
    name = "config"
    label = "ground"

    def ready(self) -> None:
        from config import checks  # noqa: F401, PLC0415  registers the system checks
