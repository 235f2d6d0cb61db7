"""Lesson 07: what only the lesson on LeNet-5 needs."""
