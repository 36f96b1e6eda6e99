from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and keys"

    def ready(self) -> None:
        from accounts import revocation, services  # noqa: PLC0415
        from config import ports  # noqa: PLC0415

        revocation.connect()
        ports.person_reference.fill(services.person_reference_of)
