"""A simulated model provider: OpenAI's wire protocol on loopback, deterministic, without any model.

Stands in for a real provider in demos, tests and benchmarks. Imports nothing of Django and reads no settings:
`python -m assistants.simulator --port 8081`. See docs/simulator.md.
"""
