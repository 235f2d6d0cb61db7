"""Lesson 08: what only the lesson on AlexNet needs."""
