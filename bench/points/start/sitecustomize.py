"""Python loads this at start when its directory is on PYTHONPATH: only in processes of a stack under test."""

from bench.points import hook

hook.install()
