"""The grader. It has no answer key: a forward pass is compared with slow scalar loops and published
numbers, a backward pass with the derivative of the learner's own forward pass.

calls.py makes one call safely; checks.py says what a check is; tasks/ has the checks of each
exercise and its known wrong answers; answers.py finds what a learner wrote; grade.py grades it;
worker.py does so in a process of its own, with a time limit. Next: calls.py.
"""
