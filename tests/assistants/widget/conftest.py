import pytest

from assistants.builder import queries as builder
from assistants.widget import access, services
from tenants.scope import workspace_scope
from tests.assistants.widget.frames import Frame
from tests.assistants.widget.visitors import settings_of


@pytest.fixture
def save(acme, owner):
    def do(**fields):
        with workspace_scope(acme.id):
            assistant = builder.get_default_assistant(owner.member)
            return services.save_widget(
                member=owner.member, assistant=assistant, settings=settings_of(**fields)
            )

    return do


@pytest.fixture
def widget(db, save):
    return save()


@pytest.fixture
def frame(acme, widget):
    return Frame(access.public_id(acme.id, widget))
