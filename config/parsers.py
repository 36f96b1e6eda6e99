from collections.abc import Mapping
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from rest_framework import parsers, serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request


class JSONParser(parsers.JSONParser):
    """Refuses a body that is nested deeper than Python reads, as any other that is malformed."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error


def uploaded(request: Request, name: str = "file") -> UploadedFile:
    """The file of a multipart request. Raises ValidationError."""
    data: Any = request.data
    found = data.get(name) if isinstance(data, Mapping) else None
    if not isinstance(found, UploadedFile):
        raise serializers.ValidationError({name: "Send one file, as multipart/form-data."})
    return found
