"""Notebook 00: the map of the course."""
