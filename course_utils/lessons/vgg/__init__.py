"""Lesson 09: what only the lesson on VGG needs."""
