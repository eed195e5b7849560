"""The experiments of ../why.md, one part each; ../make_why.py runs them."""
