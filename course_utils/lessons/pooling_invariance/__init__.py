"""Lesson 04: what only the lesson on pooling needs."""
