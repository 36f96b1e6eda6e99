"""Members and invitations of the caller's workspace."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members import inviting, queries, serializers, services
from accounts.members.addresses import Entry, email_of
from accounts.models import Invitation, Membership
from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from config.sparse import APIView, ListAPIView


class MemberList(ListAPIView):
    """Everybody in this workspace, who joined last first."""

    serializer_class = serializers.MemberSerializer
    required_permissions = {"GET": Permission.VIEW}

    def get_queryset(self) -> QuerySet[Membership]:
        return queries.list_people(member_of(self.request), search=self.request.GET.get("search", "").strip())

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        request = self.request
        # The schema's generator has no member.
        member = getattr(getattr(request, "_request", None), "member", None)
        return {**context, "manages": bool(member and member.can_manage_members)}

    @extend_schema(parameters=[OpenApiParameter("search", str, description="Part of a name or address.")])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class MemberDetail(APIView):
    required_permissions = {"PATCH": Permission.MEMBERS_MANAGE, "DELETE": Permission.MEMBERS_MANAGE}

    @extend_schema(request=serializers.RoleSerializer, responses=serializers.MemberSerializer)
    def patch(self, request: Request, membership_id: UUID) -> Response:
        """Changes the role. Refused with 409 `last_owner` where no other owner would be left."""
        form = serializers.RoleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        member = member_of(request)
        services.change_role(member=member, membership_id=membership_id, role=form.validated_data["role"])
        row = queries.list_people(member).get(id=membership_id)
        return Response(serializers.MemberSerializer(row, context={"manages": True}).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, membership_id: UUID) -> Response:
        """Removes the person; their keys and streams here end within a second."""
        services.remove(member=member_of(request), membership_id=membership_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


@open_while_read_only
class MemberLeave(APIView):
    required_permissions = {"POST": Permission.VIEW}

    @extend_schema(summary="Leave the workspace", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """The caller’s keys and streams here end within a second. 409 `last_owner` for who alone owns it."""
        services.leave(member=member_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationList(ListAPIView):
    """Invitations that were not answered, expired ones among them, newest first."""

    serializer_class = serializers.InvitationSerializer
    required_permissions = {"GET": Permission.MEMBERS_MANAGE, "POST": Permission.MEMBERS_MANAGE}

    def get_queryset(self) -> QuerySet[Invitation]:
        return queries.list_invitations(member_of(self.request).workspace_id)

    @extend_schema(request=serializers.InviteSerializer, responses={201: serializers.InvitedSerializer})
    def post(self, request: Request) -> Response:
        """Invites a list: one judgement for each entry. When the seats do not suffice nobody is invited."""
        form = serializers.InviteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        entries = [Entry(text, email_of(text)) for text in form.validated_data["emails"]]
        judged = inviting.invite_entries(
            member=member_of(request), entries=entries, role=form.validated_data["role"]
        )
        return Response(
            serializers.InvitedSerializer({"results": judged}).data, status=status.HTTP_201_CREATED
        )


@open_while_read_only
class InvitationDetail(APIView):
    required_permissions = {"DELETE": Permission.MEMBERS_MANAGE}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, invitation_id: UUID) -> Response:
        """Takes the invitation back: its link is dead and its seat free."""
        services.revoke(member=member_of(request), invitation_id=invitation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationResend(APIView):
    required_permissions = {"POST": Permission.MEMBERS_MANAGE}

    @extend_schema(request=None, responses=serializers.InvitationSerializer)
    def post(self, request: Request, invitation_id: UUID) -> Response:
        """Sends a new link, which works for seven days; the former one is dead."""
        invitation = services.resend(member=member_of(request), invitation_id=invitation_id)
        return Response(serializers.InvitationSerializer(invitation).data)
