"""Reads one file in a process of its own: no Django, no secrets, limits on time and memory, nothing but its input.

Its parent is `assistants.documents.sandbox`.
"""
