"""Addresses that are given in answers: whoever has one may fetch what it names."""

from django.urls import path

from assistants.openai import views

urlpatterns = [path("<str:token>/", views.made_picture, name="made-picture")]
