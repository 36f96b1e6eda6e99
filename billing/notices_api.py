"""What pages of a workspace tell before anything else, over REST: its plan, payments, limits and stops."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from accounts.requests import member_of
from billing import banners
from config import pagination
from config.sparse import APIView
from tenants import links
from tenants.scope import WorkspaceRef, current_workspace
from usage import banners as usage_banners
from usage.limits import services


class NoticeSerializer(serializers.Serializer):
    """`id`: of one that a person can dismiss; others go when what they tell of does.

    `label`: what can be done about it; `url`: the page where, or that says more.
    """

    id = serializers.IntegerField(allow_null=True)
    about = serializers.ChoiceField(choices=["plan", "usage"])
    tone = serializers.ChoiceField(choices=["info", "warning", "danger"])
    title = serializers.CharField()
    text = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the field of that name
    url = serializers.CharField(allow_null=True)


class NoticeList(APIView):
    serializer_class = NoticeSerializer
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        operation_id="notices_list", summary="List notices", responses=pagination.page_of(NoticeSerializer)
    )
    def get(self, request: Request) -> Response:
        """As the caller's pages show them: what is stopped concerns everybody, limits who manages the workspace, money
        who sees billing. All on one page."""
        member, workspace, now = member_of(request), current_workspace(), timezone.now()
        told = [_of_plan(each, workspace) for each in banners.list_banners(member, workspace, now=now)]
        told += [
            _of_usage(each, workspace) for each in usage_banners.list_banners(member, workspace, now=now)
        ]
        return Response(pagination.page(request, told))


class NoticeDetail(APIView):
    required_permissions = {"DELETE": Permission.WORKSPACE_MANAGE}

    @extend_schema(summary="Dismiss a notice", responses={204: None})
    def delete(self, request: Request, notice_id: int) -> Response:
        """The caller does not see it any more; others do."""
        member = member_of(request)
        services.dismiss_notice(
            notice_id=notice_id, workspace_id=member.workspace_id, person_ref=member.person_ref
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


def _of_plan(banner: banners.Banner, workspace: WorkspaceRef) -> dict[str, Any]:
    # What the button sends a form to is done from there.
    page = banner.leads_to or ("billing" if banner.posts_to else "")
    return {
        "id": None,
        "about": "plan",
        "tone": banner.tone,
        "title": banner.title,
        "text": banner.text,
        "label": banner.label,
        "url": banner.url or (links.workspace_url(workspace, page) if page and banner.label else None),
    }


def _of_usage(banner: usage_banners.Banner, workspace: WorkspaceRef) -> dict[str, Any]:
    return {
        "id": banner.notice_id,
        "about": "usage",
        "tone": banner.tone,
        "title": banner.title,
        "text": banner.text,
        "label": "See more",
        "url": links.workspace_url(workspace, banner.leads_to),
    }
