"""Stored texts, and the search for those that a new text matches."""
