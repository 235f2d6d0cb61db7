"""Lesson 01: what only the lesson on sparse connectivity needs."""
