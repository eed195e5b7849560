"""A course: write an LSTM in 15 short exercises, each graded by mathematics. Begin with README.md.

python -m exercises        the exercises, and how far you are
python -m exercises 1      grade exercise 1
"""
