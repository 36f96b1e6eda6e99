from django.urls import path

from assistants.memory import views

urlpatterns = [
    path("", views.memory, name="memory"),
    path("graph/", views.memory_graph, name="memory-graph"),
    path("forget-day/", views.memory_forget_day, name="memory-forget-day"),
    path("switch/", views.memory_switch, name="memory-switch"),
    path("key-facts/<uuid:document_id>/", views.memory_key_facts, name="memory-key-facts"),
    path("refusals/<uuid:refusal_id>/lift/", views.memory_allow, name="memory-allow"),
    path("<uuid:item_id>/", views.memory_item, name="memory-item"),
    path("<uuid:item_id>/pin/", views.memory_pin, name="memory-pin"),
    path("<uuid:item_id>/delete/", views.memory_delete, name="memory-delete"),
]
