"""The checks of each exercise, and its known wrong answers; a module has its exercise's name."""
