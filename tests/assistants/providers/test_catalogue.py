"""Which server answers for a name."""

import pytest
from django.utils import timezone

from assistants.llm import catalogue
from assistants.models import Provider, ProviderModel
from assistants.providers import sealing


def test_own_model_is_found_by_its_provider_and_its_key_opens_here_only(in_acme, acme, settings):
    assert catalogue.resolve(settings.CHAT_MODELS[0]).provider == settings.PROVIDER_NAME
    now = timezone.now()
    row = Provider(
        name="Ours",
        slug="ours",
        kind="compatible",
        base_url="https://m.example/v1",
        created_at=now,
        updated_at=now,
    )
    row.key_sealed = sealing.seal(acme.id, row.id, "sk-secret")
    row.save()
    ProviderModel.objects.create(provider=row, name="a/b", seen_at=now)
    found = catalogue.resolve("ours/a/b")
    assert (found.provider, found.model, found.is_own) == ("own:ours", "a/b", True)
    access = catalogue.open_access(found)
    assert access.api_key == "sk-secret" and "sk-secret" not in repr(access)
    with pytest.raises(sealing.KeyUnreadable):
        sealing.key_of(row, row.id)
    Provider.objects.update(is_on=False)
    with pytest.raises(catalogue.ModelNotOffered):
        catalogue.resolve("ours/a/b")
