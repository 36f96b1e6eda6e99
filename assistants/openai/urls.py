from django.urls import path

from assistants.openai import views

urlpatterns = [
    path("chat/completions", views.chat_completions, name="chat-completions"),
    path("embeddings", views.embeddings, name="embeddings"),
    path("images/generations", views.images, name="images"),
    path("audio/speech", views.speech, name="speech"),
    path("audio/transcriptions", views.transcriptions, name="transcriptions"),
    path("models", views.models, name="models"),
    path("models/<path:name>", views.model, name="model"),
]
