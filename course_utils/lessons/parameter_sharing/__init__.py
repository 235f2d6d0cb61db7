"""Lesson 02: what only the lesson on parameter sharing needs."""
