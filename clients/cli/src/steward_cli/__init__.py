"""Steward on the command line. Needs nothing of Django; `verify` is the product’s own verifier, the same file."""
