"""A person's own résumé and the profile from it, over REST. Nobody else sees either, whatever their role."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Member, Permission
from accounts.requests import member_of
from assistants.chat.serializers import UploadSerializer
from assistants.documents import api, profiles, queries, resumes, serializers, services, words
from assistants.models import Document, ResumeProfile
from config import errors
from config.parsers import uploaded
from config.sparse import APIView


class NoResume(errors.NotFound):
    message = "Upload a résumé first."


def _mine(member: Member) -> Document:
    """Raises NoResume."""
    row = queries.get_resume(member.user_id)
    if row is None:
        raise NoResume()
    return row


def _body(member: Member) -> dict[str, Any]:
    document = _mine(member)
    profile: ResumeProfile | None = getattr(document, "profile", None)
    is_filled = profile is not None and not profiles.is_empty(profile.profile)
    code = profile.error_code if profile is not None else ""
    return {
        "document": api.body(member, document),
        "profile": profile.profile if profile is not None and is_filled else None,
        "is_edited": profile is not None and profile.is_edited,
        "run": profile.run_id if profile is not None else None,
        "error_code": code,
        "problem": words.of_profile(code) if code else "",
    }


class ResumeDetail(APIView):
    parser_classes = [MultiPartParser]
    required_permissions = {"GET": Permission.VIEW, "PUT": Permission.CHAT}

    @extend_schema(summary="Read one’s résumé", responses=serializers.ResumeSerializer)
    def get(self, request: Request) -> Response:
        """Its file's state and the profile from it. It is deleted as a document."""
        return Response(_body(member_of(request)))

    @extend_schema(
        summary="Upload one’s résumé",
        request={"multipart/form-data": UploadSerializer},
        responses=serializers.ResumeSerializer,
    )
    def put(self, request: Request) -> Response:
        """In the place of the former one. A metered run writes the profile when it was read."""
        member = member_of(request)
        services.upload(member=member, file=uploaded(request), kind=Document.Kind.RESUME)
        return Response(_body(member))


class ResumeProfileDetail(APIView):
    required_permissions = {"PUT": Permission.CHAT}

    @extend_schema(
        summary="Edit one’s profile",
        request=serializers.ProfileSerializer,
        responses=serializers.ResumeSerializer,
    )
    def put(self, request: Request) -> Response:
        """The whole profile. Entries without a word are left out."""
        member = member_of(request)
        row: ResumeProfile | None = getattr(_mine(member), "profile", None)
        if row is None:
            raise NoResume("The résumé has no profile yet.")
        form = serializers.ProfileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        resumes.edit(member=member, profile=row, values=_plain(form.validated_data))
        return Response(_body(member))


def _plain(values: Any) -> Any:
    """Dictionaries and lists as JSON has them: the check of a profile knows no other kind."""
    if isinstance(values, dict):
        return {name: _plain(value) for name, value in values.items()}
    return [_plain(value) for value in values] if isinstance(values, list) else values


class ResumeFill(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        summary="Write one’s profile anew", request=None, responses={202: serializers.ResumeSerializer}
    )
    def post(self, request: Request) -> Response:
        """A metered run (`run`) writes it from the résumé; what is there is overwritten."""
        member = member_of(request)
        resumes.fill(member=member, document=_mine(member))
        return Response(_body(member), status=status.HTTP_202_ACCEPTED)
