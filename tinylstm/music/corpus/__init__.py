"""A folder of music as training and validation tokens. Read corpus.py first."""

from .corpus import Corpus, EmptyCorpusError, load_corpus

__all__ = ["Corpus", "EmptyCorpusError", "load_corpus"]
