"""One call, one run, its answer: `chat`, `ask`, `generate`, `analyze`."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.idempotency import services as idempotency
from accounts.idempotency.middleware import attaches_to_runs
from accounts.permissions import Member, Permission
from accounts.requests import member_of
from assistants.builder import queries as builder
from assistants.chat import queries as chat
from assistants.chat import services as turns
from assistants.generation import reports, serializers, services, syntax, waiting
from assistants.generation.services import Given
from assistants.models import Assistant, Run
from config.sparse import APIView

SNIPPET_ENDS = {
    "python": "py",
    "javascript": "js",
    "typescript": "ts",
    "rust": "rs",
    "ruby": "rb",
    "shell": "sh",
}
STREAM = OpenApiResponse(
    OpenApiTypes.STR,
    "With `stream`: events turn, status, delta, snapshot, done, then result with the whole answer",
)
RESULT = PolymorphicProxySerializer(
    component_name="RunResult",
    serializers=[
        serializers.AnswerSerializer,
        serializers.GenerationSerializer,
        serializers.AnalysisSerializer,
    ],
    resource_type_field_name=None,
)


def _valid(form: Serializer) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    data: dict[str, Any] = form.validated_data
    return data


def _assistant(member: Member, chosen: str | None) -> Assistant:
    """By id or slug. Raises NotFound."""
    if not chosen:
        return builder.get_default_assistant(member)
    try:
        return builder.access_assistant(member, UUID(chosen))
    except ValueError:
        return builder.access_named(member, chosen)


def _turn(member: Member, data: dict[str, Any]) -> turns.Turn:
    if data["conversation"] is None:
        return turns.start_conversation(
            member=member, assistant=_assistant(member, data["assistant"]), text=data["message"]
        )
    conversation = chat.access_conversation(member, data["conversation"])
    parent = data["parent_id"] or conversation.current_leaf_id
    return turns.send_message(
        member=member, conversation=conversation, text=data["message"], parent_id=parent
    )


class StreamOrJson(DefaultContentNegotiation):
    """Takes every `Accept`: who streams asks for text/event-stream, and a refusal is JSON."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


def _begun(member: Member, data: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    """The run and where its turn stands: of a call that came before with the same Idempotency-Key, else of a new turn.
    Raises NotFound for a turn that was erased meanwhile."""
    run_id = idempotency.earlier_run()
    if run_id is not None:
        run = chat.access_run(member, run_id)
        return run, reports.place_of(run.message_id)
    turn = _turn(member, data)
    ids = {"conversation": turn.conversation.id, "question": turn.question.id, "message": turn.answer.id}
    return _started(turn), {name: str(value) for name, value in ids.items()}


@attaches_to_runs
class Chat(APIView):
    content_negotiation_class = StreamOrJson
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        request=serializers.ChatSerializer,
        responses={
            (200, "application/json"): serializers.AnswerSerializer,
            (200, "text/event-stream"): STREAM,
        },
    )
    def post(self, request: Request) -> Response:
        """One turn of a conversation. Answers when the model has, or streams."""
        data, member = _valid(serializers.ChatSerializer(data=request.data)), member_of(request)
        run, place = _begun(member, data)
        if data["stream"]:
            return waiting.stream(member, run, {**place, "run": str(run.id)})  # type: ignore[return-value]
        return waiting.whole(member, run)  # type: ignore[return-value]


class Ask(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(request=serializers.AskSerializer, responses=serializers.AnswerSerializer)
    def post(self, request: Request) -> Response:
        """A question, and the answer with the passages that it had before it. A conversation begins with it."""
        data, member = _valid(serializers.AskSerializer(data=request.data)), member_of(request)
        turn = turns.start_conversation(
            member=member, assistant=_assistant(member, data["assistant"]), text=data["question"]
        )
        return waiting.whole(member, _started(turn))  # type: ignore[return-value]


class Generate(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        request=serializers.GenerateSerializer,
        responses={200: serializers.GenerationSerializer, 202: serializers.GenerationSerializer},
    )
    def post(self, request: Request) -> Response:
        """The files of a described program, each through its gates. A file that fails one is given, and says so."""
        data, member = _valid(serializers.GenerateSerializer(data=request.data)), member_of(request)
        is_waiting = data.pop("wait")
        return _answered(member, services.generate(member=member, **data), is_waiting=is_waiting)


class Analyze(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        request=serializers.AnalyzeSerializer,
        responses={200: serializers.AnalysisSerializer, 202: serializers.AnalysisSerializer},
    )
    def post(self, request: Request) -> Response:
        """A report on code: its structure, counted by us, and its risks with file and line, named by a model."""
        data, member = _valid(serializers.AnalyzeSerializer(data=request.data)), member_of(request)
        language = data["language"].strip().lower()
        run = services.analyse(
            member=member,
            given=_given(data, language),
            language=language,
            question=data["question"],
            model=data["model"],
        )
        return _answered(member, run, is_waiting=data["wait"])


def _given(data: dict[str, Any], language: str) -> list[Given]:
    if data["files"]:
        return [Given(**file) for file in data["files"]]
    end = SNIPPET_ENDS.get(language, "txt")
    if not language and syntax.judge("code.py", data["code"])[0]:
        end = "py"
    return [Given(f"code.{end}", data["code"])]


def _answered(member: Member, run: Run, *, is_waiting: bool) -> Response:
    if is_waiting:
        return waiting.whole(member, run)  # type: ignore[return-value]
    return Response(reports.of_run(run), status=status.HTTP_202_ACCEPTED)


def _started(turn: turns.Turn) -> Run:
    if turn.run is None:
        raise RuntimeError("a turn that was just begun has a run")
    return turn.run


class RunResult(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(responses=RESULT)
    def get(self, request: Request, run_id: UUID) -> Response:
        """What the call that began the run was answered, or would be: for a caller whose connection was lost."""
        return Response(reports.of_run(chat.access_run(member_of(request), run_id)))
