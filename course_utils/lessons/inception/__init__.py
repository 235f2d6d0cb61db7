"""Lesson 10: what only the lesson on Inception needs."""
