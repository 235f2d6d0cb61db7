"""Lesson 03: what only the lesson on equivariance needs."""
