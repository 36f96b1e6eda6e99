"""A person's own résumé and the profile from it, over REST. Nobody else sees either, whatever their role."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from drf_spectacular.utils import extend_schema
from rest_framework import parsers, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Member, Permission, open_while_read_only
from accounts.requests import member_of
from assistants.documents import profiles, queries, resumes, services, words
from assistants.documents.presenters import LIVE
from assistants.models import Document, ResumeProfile
from config import errors
from config.parsers import JSONParser
from config.sparse import APIView

MAX_TEXT = 200_000


class ResumeUploadSerializer(serializers.Serializer):
    """Either a file (multipart/form-data) or the text."""

    file = serializers.FileField(required=False, allow_empty_file=True)
    text = serializers.CharField(required=False, max_length=MAX_TEXT)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError({"file": "Send either a file or the text."})
        return attrs


class ExperienceSerializer(serializers.Serializer):
    role = serializers.CharField(allow_blank=True, max_length=profiles.SHORT)
    organisation = serializers.CharField(allow_blank=True, max_length=profiles.SHORT)
    period = serializers.CharField(allow_blank=True, max_length=profiles.SHORT)
    summary = serializers.CharField(allow_blank=True, max_length=profiles.LONG)


class EducationSerializer(serializers.Serializer):
    degree = serializers.CharField(allow_blank=True, max_length=profiles.SHORT)
    institution = serializers.CharField(allow_blank=True, max_length=profiles.SHORT)
    period = serializers.CharField(allow_blank=True, max_length=profiles.SHORT)


class ProfileSerializer(serializers.Serializer):
    summary = serializers.CharField(allow_blank=True, max_length=profiles.LONG)
    experience = ExperienceSerializer(many=True, max_length=profiles.MAX_ENTRIES)  # type: ignore[call-arg]  # of the list
    skills = serializers.ListField(
        child=serializers.CharField(max_length=profiles.SHORT), max_length=profiles.MAX_SKILLS
    )
    education = EducationSerializer(many=True, max_length=profiles.MAX_ENTRIES)  # type: ignore[call-arg]  # of the list


class ResumeProblemSerializer(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()


class ResumeSerializer(serializers.Serializer):
    """`state`: reading (the file), filling (the profile, in `run`), ready, failed."""

    document = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(["reading", "filling", "ready", "failed"])
    progress = serializers.IntegerField(help_text="Percent of the reading")
    run = serializers.UUIDField(allow_null=True)
    problem = ResumeProblemSerializer(allow_null=True)
    profile = ProfileSerializer(allow_null=True)
    is_edited = serializers.BooleanField()


class Resume(APIView):
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.CHAT, "DELETE": Permission.CHAT}
    parser_classes = [JSONParser, parsers.MultiPartParser]

    @extend_schema(summary="Read one’s résumé", responses=ResumeSerializer)
    def get(self, request: Request) -> Response:
        """How far the caller's résumé has come, and its profile as soon as that is there."""
        return Response(_body(_mine(member_of(request))))

    @extend_schema(request=ResumeUploadSerializer, responses={202: ResumeSerializer})
    def post(self, request: Request) -> Response:
        """Takes a résumé in, in the place of the former one; ask GET until `state` is ready or failed.

        The same content again changes nothing, but asks for a profile that could not be written.
        """
        member, form = member_of(request), ResumeUploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.upload(member=member, file=_file(form.validated_data), kind=Document.Kind.RESUME)
        document = _mine(member)
        row = _profile_of(document)
        if document.state == Document.State.READY and (row is None or (row.error_code and not row.run_id)):
            resumes.fill(member=member, document=document)
            document = _mine(member)
        return Response(_body(document), status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="Delete one’s résumé", responses={204: None})
    @open_while_read_only
    def delete(self, request: Request) -> Response:
        """With its profile and its file. Nobody can take that back."""
        member = member_of(request)
        services.delete(member=member, document=_mine(member))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ResumeProfileDetail(APIView):
    required_permissions = {"GET": Permission.VIEW, "PUT": Permission.CHAT, "DELETE": Permission.CHAT}

    @extend_schema(summary="Read one’s profile", responses=ProfileSerializer)
    def get(self, request: Request) -> Response:
        """Empty until it was written, by a model from the résumé or by hand."""
        return Response(_row_of(member_of(request)).profile)

    @extend_schema(summary="Edit one’s profile", request=ProfileSerializer, responses=ProfileSerializer)
    def put(self, request: Request) -> Response:
        """All of it. A résumé that is uploaded anew does not overwrite it any more, until it is filled again."""
        member = member_of(request)
        row = _row_of(member)
        form = ProfileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        resumes.edit(member=member, profile=row, values=_plain(form.validated_data))
        return Response(_row_of(member).profile)

    @extend_schema(summary="Empty one’s profile", responses={204: None})
    @open_while_read_only
    def delete(self, request: Request) -> Response:
        """The résumé stays."""
        member = member_of(request)
        resumes.edit(member=member, profile=_row_of(member), values=profiles.EMPTY)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ResumeFill(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(summary="Have one’s profile written anew", request=None, responses={202: ResumeSerializer})
    def post(self, request: Request) -> Response:
        """From the résumé, by a model; what it writes takes the place of what is there."""
        member = member_of(request)
        resumes.fill(member=member, document=_mine(member))
        return Response(_body(_mine(member)), status=status.HTTP_202_ACCEPTED)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Entries as the profile keeps them."""
    return {
        name: [dict(each) if isinstance(each, dict) else each for each in value]
        if isinstance(value, list)
        else value
        for name, value in values.items()
    }


def _file(data: dict[str, Any]) -> UploadedFile:
    if "file" in data:
        file: UploadedFile = data["file"]
        return file
    return SimpleUploadedFile("resume.txt", data["text"].encode(), content_type="text/plain")


def _mine(member: Member) -> Document:
    """Raises NotFound."""
    document = queries.get_resume(member.user_id)
    if document is None:
        raise errors.NotFound("Upload a résumé first.")
    return document


def _row_of(member: Member) -> ResumeProfile:
    """Raises NotFound."""
    row = _profile_of(_mine(member))
    if row is None:
        raise errors.NotFound("The résumé has no profile yet.")
    return row


def _profile_of(document: Document) -> ResumeProfile | None:
    return getattr(document, "profile", None)


def _body(document: Document) -> dict[str, Any]:
    row = _profile_of(document)
    run_id = row.run_id if row is not None else None
    state, problem = _state(document, row)
    is_filled = row is not None and not profiles.is_empty(row.profile)
    return {
        "document": document.id,
        "name": document.name,
        "state": state,
        "progress": document.progress,
        "run": run_id,
        "problem": problem,
        "profile": row.profile if row is not None and is_filled else None,
        "is_edited": row is not None and row.is_edited,
    }


def _state(document: Document, row: ResumeProfile | None) -> tuple[str, dict[str, str] | None]:
    if document.state in LIVE:
        return "reading", None
    if document.state == Document.State.FAILED:
        return "failed", {"code": document.error_code, "detail": words.of_failure(document.error_code)}
    # Between the end of the reading and the begin of the run there is no row for a moment.
    if row is None or row.run_id is not None:
        return "filling", None
    if row.error_code:
        return "failed", {"code": row.error_code, "detail": words.of_profile(row.error_code)}
    return "ready", None
