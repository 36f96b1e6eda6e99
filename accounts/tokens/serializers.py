from rest_framework import serializers

from accounts.models import Membership, User


class SignInSerializer(serializers.Serializer):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)
    code = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of the authenticator app, or a recovery code, for somebody with a second factor.",
    )


class RefreshSerializer(serializers.Serializer):
    refresh = serializers.CharField(max_length=4096)


class SignOutSerializer(serializers.Serializer):
    refresh = serializers.CharField(
        max_length=4096, required=False, help_text="Instead of a Bearer token that is over already."
    )


class PairSerializer(serializers.Serializer):
    access = serializers.CharField(help_text="For `Authorization: Bearer …`.")
    refresh = serializers.CharField(help_text="Works once; using it again ends the session.")
    token_type = serializers.CharField(default="Bearer")
    expires_in = serializers.IntegerField(help_text="Seconds of the access token.")


class PlaceSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Membership.Role.choices)


class PersonSerializer(serializers.ModelSerializer):
    name = serializers.CharField(read_only=True)
    has_second_factor = serializers.BooleanField(read_only=True)
    workspaces = PlaceSerializer(many=True, read_only=True, help_text="For the header X-Workspace.")

    class Meta:
        model = User
        fields = [
            "id", "email", "name", "display_name", "language", "timezone", "date_joined", "has_second_factor",
            "workspaces",
        ]  # fmt: skip
        read_only_fields = fields
