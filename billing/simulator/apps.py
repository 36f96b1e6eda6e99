from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    name = "billing.simulator"
    label = "stripe_simulator"
    verbose_name = "Simulated payments"

    def ready(self) -> None:
        from billing.simulator.personal_data import HOLDINGS  # noqa: PLC0415
        from config import personal  # noqa: PLC0415

        personal.register(HOLDINGS)
