"""Campaigns of faults, see scripts/faults.py."""
