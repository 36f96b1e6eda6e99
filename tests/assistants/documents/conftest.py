"""Files of a test are in a folder of its own."""

from collections.abc import Iterator

import pytest
from django.test import override_settings


@pytest.fixture(autouse=True)
def storage(tmp_path) -> Iterator[None]:
    with override_settings(MEDIA_ROOT=tmp_path):
        yield
