"""Lesson 12: what only the lesson on the ImageNet winners needs."""
