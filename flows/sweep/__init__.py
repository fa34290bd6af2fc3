"""Sweeps: many designs of one kind, found, checked, measured, kept and shown."""
