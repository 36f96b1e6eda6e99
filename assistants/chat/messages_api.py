"""Messages over REST: the tree of a conversation, and everything that can be done with a question or an answer."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of, page_request_of
from assistants.chat import api, bodies, message_serializers, queries, serializers, services
from assistants.chat.tree import Place, Tree
from assistants.models import Message
from config import errors, pagination
from config.sparse import APIView

CREATED = status.HTTP_201_CREATED


class MessageList(APIView):
    serializer_class = message_serializers.MessageSerializer
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.CHAT}

    @extend_schema(
        summary="List messages of a branch",
        operation_id="conversations_messages_list",
        parameters=[message_serializers.MessageQuerySerializer],
        responses=message_serializers.MessageListSerializer,
    )
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """The last messages of the shown branch, in order of time; `next` leads to what stands before them."""
        conversation = queries.access_conversation(member_of(request), conversation_id)
        form = message_serializers.MessageQuerySerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        tree = Tree(queries.list_nodes(conversation))
        places = _branch(tree, said.get("through"), conversation.current_leaf_id)
        begins, ends = _window(places, said)
        rows = bodies.messages(page_request_of(request), conversation, places[begins:ends])
        body = pagination.page(
            request,
            rows,
            following={"before": places[begins].message.id} if begins else None,
            preceding={"after": places[ends - 1].message.id} if ends < len(places) else None,
            without=("before", "after"),
        )
        return Response({**body, "leaf": places[-1].message.id if places else None})

    @extend_schema(
        summary="Ask in a conversation",
        request=serializers.MessageCreateSerializer,
        responses={201: serializers.TurnSerializer},
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Asks in a conversation. `parent_id`: the answer to reply to; without it, the branch looked at last."""
        member = member_of(request)
        conversation = queries.access_conversation(member, conversation_id)
        asked = serializers.read_question(request.data, conversation)
        turn = services.send_message(member=member, conversation=conversation, **asked)
        return Response(bodies.turn(turn), status=CREATED)


def _branch(tree: Tree, through: UUID | None, leaf_id: UUID | None) -> list[Place]:
    """Raises NotFound."""
    if through is None:
        return tree.branch(leaf_id)
    if through not in tree.by_id:
        raise errors.NotFound()
    return tree.newest_through(through)


def _window(places: list[Place], said: dict[str, Any]) -> tuple[int, int]:
    """Where it begins and ends. Raises NotFound for what is not on this branch."""
    numbers = {place.message.id: number for number, place in enumerate(places)}
    before, after, limit = said.get("before"), said.get("after"), said["limit"]
    if any(each is not None and each not in numbers for each in (before, after)):
        raise errors.NotFound()
    if after is not None:
        begins = numbers[after] + 1
        return begins, min(len(places), begins + limit)
    ends = numbers[before] if before is not None else len(places)
    return max(0, ends - limit), ends


class ConversationTree(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(summary="Read the tree of a conversation", responses=message_serializers.TreeSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """Every message of every branch with its parent, without texts."""
        conversation = queries.access_conversation(member_of(request), conversation_id)
        nodes = [
            {"id": node.id, "parent": node.parent_id, "role": node.role}
            for node in queries.list_nodes(conversation)
        ]
        return Response({"leaf": conversation.current_leaf_id, "nodes": nodes})


@open_while_read_only
class ConversationLeaf(APIView):
    required_permissions = {"PUT": Permission.VIEW}

    @extend_schema(
        summary="Choose a branch",
        request=message_serializers.LeafSerializer,
        responses=message_serializers.LeafSerializer,
    )
    def put(self, request: Request, conversation_id: UUID) -> Response:
        """Shows the newest branch through a message from now on."""
        conversation = queries.access_conversation(member_of(request), conversation_id)
        form = message_serializers.LeafSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        tree = Tree(queries.list_nodes(conversation))
        if form.validated_data["message"] not in tree.by_id:
            raise errors.NotFound()
        leaf_id = tree.leaf_below(form.validated_data["message"])
        services.show_branch(conversation=conversation, leaf_id=leaf_id)
        return Response({"message": leaf_id})


def _message(request: Request, row: Message) -> dict[str, Any]:
    tree = Tree(queries.list_nodes(row.conversation))
    siblings = tree.children[row.parent_id]
    place = Place(tree.by_id[row.id], siblings, siblings.index(row.id))
    return bodies.messages(page_request_of(request), row.conversation, [place])[0]


class MessageDetail(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(summary="Read a message", responses=message_serializers.MessageSerializer)
    def get(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        """With its run, sources, memories and tool calls."""
        return Response(
            _message(request, queries.access_message(member_of(request), conversation_id, message_id))
        )


class MessageEdit(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        summary="Edit a question",
        request=serializers.TextSerializer,
        responses={201: serializers.TurnSerializer},
    )
    def post(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        """Asks again in other words, with the same files: a sibling of the question. The old branch stays."""
        member = member_of(request)
        row = queries.access_message(member, conversation_id, message_id)
        form = serializers.TextSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        turn = services.edit_question(member=member, question=row, text=form.validated_data["text"])
        return Response(bodies.turn(turn), status=CREATED)


class MessageRegenerate(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(summary="Answer again", request=None, responses={201: serializers.TurnSerializer})
    def post(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        """Another answer to the same question, beside the first."""
        member = member_of(request)
        row = queries.access_message(member, conversation_id, message_id)
        return Response(bodies.turn(services.regenerate(member=member, answer=row)), status=CREATED)


class MessageRetry(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(summary="Retry a failed answer", request=None, responses={201: serializers.TurnSerializer})
    def post(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        """The same answer again when nothing was said, else another beside it."""
        member = member_of(request)
        row = queries.access_message(member, conversation_id, message_id)
        return Response(bodies.turn(services.retry(member=member, answer=row)), status=CREATED)


class MessageFork(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        summary="Fork a conversation",
        request=None,
        responses={201: serializers.ConversationDetailSerializer},
    )
    def post(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        """A conversation of one's own with the branch up to this message. Nothing is charged again."""
        member = member_of(request)
        row = queries.access_message(member, conversation_id, message_id)
        made = services.fork(member=member, message=row)
        return Response(api.detail(request, made.id), status=CREATED)


@open_while_read_only
class MessageFeedback(APIView):
    required_permissions = {"PUT": Permission.VIEW, "DELETE": Permission.VIEW}

    @extend_schema(
        summary="Rate an answer",
        request=message_serializers.FeedbackSerializer,
        responses=message_serializers.FeedbackSerializer,
    )
    def put(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        """A thumb and a comment; the caller's former one is replaced."""
        member = member_of(request)
        row = queries.access_message(member, conversation_id, message_id)
        form = message_serializers.FeedbackSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.rate(member=member, answer=row, **form.validated_data)
        return Response(bodies.feedback(queries.feedback_of(member, [row.id]).get(row.id)))

    @extend_schema(summary="Take a rating back", responses={204: None})
    def delete(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        member = member_of(request)
        row = queries.access_message(member, conversation_id, message_id)
        services.rate(member=member, answer=row, is_good=None)
        return Response(status=status.HTTP_204_NO_CONTENT)
