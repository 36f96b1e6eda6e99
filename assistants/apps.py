from django.apps import AppConfig


class AssistantsConfig(AppConfig):
    name = "assistants"

    def ready(self) -> None:
        from assistants.builder import queries as builder_queries  # noqa: PLC0415
        from assistants.builder import services as builder_services  # noqa: PLC0415
        from assistants.chat import followers as chat_followers  # noqa: PLC0415
        from assistants.documents import resumes  # noqa: PLC0415
        from assistants.generation import files, risks  # noqa: PLC0415
        from assistants.leaving import member_left  # noqa: PLC0415
        from assistants.llm import tokens  # noqa: PLC0415
        from assistants.memory import followers as memory_followers  # noqa: PLC0415
        from assistants.models import Run  # noqa: PLC0415
        from assistants.personal_data import HOLDINGS  # noqa: PLC0415
        from assistants.retention import queries as retention  # noqa: PLC0415
        from assistants.runs import afterwards, judging, sweep  # noqa: PLC0415
        from assistants.runs import services as runs_services  # noqa: PLC0415
        from assistants.titles import followers as title_followers  # noqa: PLC0415
        from config import personal, ports  # noqa: PLC0415
        from tenants.lifecycle import inventory  # noqa: PLC0415

        personal.register(HOLDINGS)
        memory_followers.connect()
        title_followers.connect()
        chat_followers.connect()
        ports.workspace_created.fill(builder_services.create_first_assistant)
        ports.assistant_names.fill(builder_queries.names_of)
        ports.assistant_count.fill(builder_queries.count_of)
        ports.close_expired_hold.fill(sweep.close_expired_hold)
        ports.web_started.fill(tokens.warm_up)
        ports.hold_decided.fill(runs_services.decide_waiting)
        ports.runs_ended.fill(sweep.list_ended)
        ports.membership_ended.fill(member_left)
        ports.workspace_stopped.fill(sweep.end_workspace)
        inventory.add(retention.inventory_of)
        afterwards.follow(Run.Kind.RESUME, resumes.run_ended)
        judging.judge(Run.Kind.CODE, files.gates_of)
        judging.judge(Run.Kind.ANALYSIS, risks.gates_of)
