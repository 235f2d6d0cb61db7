"""Lesson 11: what only the lesson on ResNet needs."""
