"""Lesson 06: what only the lesson on vanishing gradients needs."""
