"""Billing as its pages show it: plain values in plain words, made from rows that queries have read."""
