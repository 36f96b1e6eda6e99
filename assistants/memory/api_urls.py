from django.urls import path

from assistants.memory import api, choices_api

urlpatterns = [
    path("memory", api.MemoryList.as_view(), name="memory-list"),
    path("memory/layers", choices_api.LayerList.as_view(), name="memory-layers"),
    path("memory/switch", choices_api.MemorySwitch.as_view(), name="memory-switch"),
    path("memory/forget-day", choices_api.ForgetDay.as_view(), name="memory-forget-day"),
    path("memory/refusals", choices_api.RefusalList.as_view(), name="memory-refusals"),
    path("memory/refusals/<uuid:refusal_id>", choices_api.RefusalDetail.as_view(), name="memory-refusal"),
    path("memory/relations", choices_api.RelationList.as_view(), name="memory-relations"),
    path("memory/entities", choices_api.EntityList.as_view(), name="memory-entities"),
    path("memory/<uuid:item_id>", api.MemoryDetail.as_view(), name="memory-detail"),
    path("memory/<uuid:item_id>/history", api.MemoryHistory.as_view(), name="memory-history"),
    path("documents/<uuid:document_id>/key-facts", choices_api.KeyFacts.as_view(), name="document-key-facts"),
]
