"""Fast twins of the textbook functions, in Numba: same names, same arguments, same numbers.

Read in this order: vectors.py (the vector unit), gates.py (the cell's maths), tiles.py and
products.py (the matrix product), lstm.py (the recurrence), pool.py (memory).
"""
