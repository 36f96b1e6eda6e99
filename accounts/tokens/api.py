"""`/api/v1/auth/`: addresses of a person, in no workspace."""

from dataclasses import asdict
from typing import cast

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.authentication import get_authorization_header
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.authentication import PersonAuthentication, PersonPermission
from accounts.models import User
from accounts.permissions import open_api
from accounts.signin import queries as signin_queries
from accounts.tokens import serializers, services, sessions
from config.sparse import APIView


def _answer(pair: sessions.Pair) -> Response:
    body = {
        **asdict(pair),
        "token_type": "Bearer",
        "expires_in": settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN,
    }
    return Response(body, headers={"Cache-Control": "no-store"})


@open_api("whoever signs in is nobody yet; braked per account and per address")
class SignIn(APIView):
    authentication_classes = []
    permission_classes = []

    @extend_schema(request=serializers.SignInSerializer, responses=serializers.PairSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Begins a session. `second_factor_required` (401): the same again, with `code`."""
        form = serializers.SignInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return _answer(services.sign_in(request=request._request, **form.validated_data))


@open_api("the refresh token in the body is the proof")
class Refresh(APIView):
    authentication_classes = []
    permission_classes = []

    @extend_schema(request=serializers.RefreshSerializer, responses=serializers.PairSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """The next pair. A refresh token works once: sent again, it ends the session (`invalid_token`)."""
        form = serializers.RefreshSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return _answer(services.refresh(token=form.validated_data["refresh"]))


@open_api("the token in the header or the body is the proof")
class SignOut(APIView):
    authentication_classes = []
    permission_classes = []

    @extend_schema(request=serializers.SignOutSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Ends the session of the Bearer token, or of the refresh token in the body; both tokens die at once."""
        form = serializers.SignOutSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if "refresh" in form.validated_data:
            services.sign_out(token=form.validated_data["refresh"], use=sessions.REFRESH)
        else:
            _, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
            services.sign_out(token=text, use=sessions.ACCESS)
        return Response(status=status.HTTP_204_NO_CONTENT)


@open_api("a person's own account, in no workspace; a session or a token is needed")
class Me(APIView):
    authentication_classes = [PersonAuthentication]
    permission_classes = [PersonPermission]

    @extend_schema(responses=serializers.PersonSerializer)
    def get(self, request: Request) -> Response:
        """Who is signed in, and in which workspaces."""
        person = cast(User, request.user)
        person.has_second_factor = signin_queries.has_second_factor(person.pk)  # type: ignore[attr-defined]  # shown
        person.workspaces = queries.list_places(person.pk)  # type: ignore[attr-defined]  # shown
        return Response(serializers.PersonSerializer(person).data)
