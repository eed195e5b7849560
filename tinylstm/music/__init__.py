"""Music in and out: MIDI files, tokenizers, corpora, sampling."""
