from django.apps import AppConfig


class AssistantsConfig(AppConfig):
    name = "assistants"

    def ready(self) -> None:
        from assistants.builder import services as builder_services  # noqa: PLC0415
        from assistants.llm import tokens  # noqa: PLC0415
        from assistants.runs import services as runs_services  # noqa: PLC0415
        from assistants.runs import sweep  # noqa: PLC0415
        from config import ports  # noqa: PLC0415

        ports.workspace_created.fill(builder_services.create_first_assistant)
        ports.close_expired_hold.fill(sweep.close_expired_hold)
        ports.web_started.fill(tokens.warm_up)
        ports.membership_ended.fill(runs_services.stop_runs_of_person)
