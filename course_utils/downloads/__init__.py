"""The full public data sets: fetched when asked for, verified, read without running their content.

fetching    one file from the first mirror that sends it right, or a message that says what to do
idx         the IDX format; MNIST and Fashion-MNIST
cifar       CIFAR-10, in its binary version

`course_utils.datasets` offers what a lesson needs of them.
"""
