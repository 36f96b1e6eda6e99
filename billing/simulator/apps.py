from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    name = "billing.simulator"
    label = "stripe_simulator"
    verbose_name = "Simulated payments"
