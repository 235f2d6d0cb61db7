"""Lesson 05: what only the lesson on the convolutional layer needs."""
