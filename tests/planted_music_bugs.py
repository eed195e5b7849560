"""Bugs of one line each in what the maths is fed with: files, notes, tokens, splits, baselines,
going on with a run, and judging.

As in planted_bugs.py, each is applied to a copy of the real source, and the ordinary tests must
fail on it: test_planted_music_bugs.py asserts it.
"""

from typing import NamedTuple


class MusicBug(NamedTuple):
    """One line gone wrong, and the tests that should see it."""

    file: str
    right: str
    wrong: str
    kind: str
    tests: str


M, C = "music", "music/corpus"
MIDI, TRACK, WRITING = (f"{M}/files/{name}.py" for name in ("midi", "track", "writing"))
EVENTS, SYMBOLS = f"{M}/tokenizers/events.py", f"{M}/tokenizers/article_symbols.py"
FIND = f"{C}/find.py"
CORPUS, SPLIT, CACHE, TRAINING = (
    *(f"{C}/{name}.py" for name in ("corpus", "split", "cache")),
    f"{M}/training.py",
)
RESUME = "test_resume.py::test_what_is_not_in_the_weights_goes_on_too"
LIMITS, COMPOSE, CONTROL = (f"{M}/composing/{n}.py" for n in ("limits", "compose", "control"))
COPIES, COMPARE, STATISTICS, FORM, HARMONY, RHYTHM = (
    f"{M}/evaluation/{n}.py"
    for n in ("copies", "compare", "statistics", "form", "harmony", "rhythm")
)

MUSIC_BUGS = [
    # ------------------------------------------------------------------------- reading and writing
    MusicBug(MIDI, "(ends[place] - start) / reading.ticks",
        "(ends[place] - start - 1) / reading.ticks", "every note a tick too short", "test_midi.py"),
    MusicBug(MIDI, "ends[waiting.popleft()] = time", "ends[waiting.pop()] = time",
        "the last note of a pitch ended first", "test_midi.py"),
    MusicBug(MIDI, "(time, 128)) - 1][1]", "(time, -1)) - 1][1]",
        "a program change heard a note late", "test_midi.py"),
    MusicBug(MIDI, "(division & 0xFF) / 2)", "(division & 0xFF))",
        "seconds taken for half seconds", "test_midi.py"),
    MusicBug(MIDI, "key = (event.channel, event.pitch)", "key = (0, event.pitch)",
        "one channel ends the notes of another", "test_midi.py"),
    MusicBug(MIDI, "(data[0], 2 ** data[1])", "(data[0], data[1])",
        "a metre of eighths read as thirds", "test_midi.py"),
    MusicBug(TRACK, "            ticks += delta\n", "            ticks = delta\n",
        "times that begin again at every event", "test_midi.py"),
    MusicBug(TRACK, "status = event.lastStatusByte", "status = None",
        "running status forgotten", "test_midi.py"),
    MusicBug(WRITING, "start = round(note.onset * TICKS_PER_QUARTER)",
        "start = round(note.onset * TICKS_PER_QUARTER) + 1", "all notes written a tick late",
        "test_writing.py"),
    MusicBug(WRITING, "(end, 0, off)", "(end, 2, off)", "repeated notes cut to nothing",
        "test_writing.py"),
    # -------------------------------------------------------------------------------------- tokens
    MusicBug(EVENTS, "moved = np.arange(128) + semitones", "moved = np.arange(128) - semitones",
        "a transposition the wrong way", "test_events.py"),
    MusicBug(EVENTS, "(moved >= 0) & (moved < 128), first + moved, -1",
        "(moved >= 0) & (moved < 128), first + moved, first", "a pitch that is not there replaced",
        "test_events.py"),
    MusicBug(EVENTS, "onset = int(note.onset * self.grid + 0.5)",
        "onset = int(note.onset * self.grid)", "onsets cut, not rounded", "test_events.py"),
    MusicBug(EVENTS, "            if kind is Kind.BOS:\n                family = 0\n",
        "            if kind is Kind.BOS:\n                pass\n",
        "a new piece begins with the last one's instrument", "test_events.py"),
    MusicBug(EVENTS, "Kind.SHIFT, start - now)", "Kind.SHIFT, start - now - (now > 0))",
        "windows of time off by one", "test_events.py"),
    MusicBug(EVENTS, "self.encode(piece)[:-1]", "self.encode(piece)",
        "a primer that ends the piece", "test_compose.py"),
    MusicBug(SYMBOLS, "return CHORDS + sum({1 << pitch % 12 for pitch in pitches})",
        "return CHORDS + sum(1 << pitch % 12 for pitch in pitches)",
        "doubled pitch classes counted twice", "test_article.py"),
    # ---------------------------------------------------------------- training and validation data
    MusicBug(SPLIT, "if piece not in set(held_out)], held_out", "], held_out",
        "the held-out pieces trained on", "test_split.py"),
    MusicBug(SPLIT, "together = {group[0]: group for group in groups}", "together = {}",
        "near-duplicates lost", "test_split.py"),
    MusicBug(CORPUS, "tokenizer.train(symbols(parts[0]), keys)",
        "tokenizer.train(symbols([*parts[0], *parts[1]]), keys)",
        "the vocabulary taken from held-out pieces", "test_corpus.py"),
    MusicBug(CORPUS, "starts[1][:-1], targets[cut:])", "starts[1][:-1], ids[cut:])",
        "guesses at unknown tokens counted as right", "test_corpus.py"),
    MusicBug(CORPUS, "    judged = corpus.validation or corpus.train\n",
        "    judged = corpus.train\n",
        "a baseline in its own favour: counted on the training pieces", "test_music_training.py"),
    MusicBug(CORPUS, "held_out = self.validation or self.train", "held_out = self.train",
        "the 5-gram judged by what it has learnt", "test_music_training.py"),
    MusicBug(CORPUS, "set(self.validation_pieces or self.train_pieces)", "set(self.train_pieces)",
        "bits per note by the tokens of other pieces", "test_music_training.py"),
    MusicBug(FIND, "found.st_size, found.st_mtime_ns", "found.st_size, 0",
        "a changed file not noticed", "test_corpus.py"),
    MusicBug(CACHE, "return tried is None or tried >= limit", "return True",
        "a file given up is never tried again", "test_cache.py"),
    MusicBug("ngram.py", "for k in 2.0 ** np.arange(-3, 16)", "for k in 2.0 ** np.arange(15, 16)",
        "a baseline in our favour: badly smoothed", "test_ngram.py"),
    MusicBug("data.py", "            counts[self.starts[first:last] - a] = False\n", "",
        "pairs over the border of two pieces", "test_ngram.py"),
    MusicBug(TRAINING, "preset.validation(held_out)", "preset.validation(train)",
        "validated on the training pieces", "test_music_training.py"),
    MusicBug(TRAINING, "tokenizer.transpositions(preset.transpositions)", "None",
        "training without transpositions", "test_music_training.py"),
    MusicBug(TRAINING, "    if path.exists():\n", "    if False:\n",
        "the old network written over", "test_music_training.py"),
    # ------------------------------------------------------------------------------- going on
    MusicBug("resume.py", "    run.optimizer.slots |= kept.slots\n", "",
        "the optimizer's memory lost on resume", RESUME),
    MusicBug("resume.py", "kept.optimizer_steps, kept.learning_rate\n",
        "kept.optimizer_steps, run.optimizer.learning_rate\n",
        "the learning rate not restored on resume", RESUME),
    MusicBug("resume.py", "run.states, run.finished = kept.states",
        "run.states, run.finished = None",
        "the state lost on resume", RESUME),
    MusicBug("resume.py", "dict(kept.sums)", "{'first': kept.sums['first']}",
        "half an epoch's losses forgotten on resume", RESUME),
    MusicBug("callbacks.py", "            weights=self.weights or None,\n", "",
        "the last network kept, not the best", "test_callbacks.py"),
    # ---------------------------------------------------------------------- composing and judging
    MusicBug(COMPOSE, "np.minimum(tokens.starts + length, tokens.ends)", "tokens.starts + length",
        "an opening that runs on into the next piece", "test_music_training.py"),
    MusicBug(LIMITS, "self.steps_wanted + -now % self.bar", "self.steps_wanted",
        "bars counted from the middle of a bar", "test_compose.py"),
    MusicBug("music/notes.py", "return beats * 4 / unit", "return beats * 1.0",
        "bars of eighths as long as bars of quarters", "test_limits.py"),
    MusicBug(COPIES, "return Passage(best + 1, self.names[piece]",
        "return Passage(best, self.names[piece]",
        "a copy a note too short", "test_copies.py"),
    MusicBug(COPIES, "corpus = np.where(out[self._owner], _NOWHERE, corpus)", "pass",
        "a piece found to be copied from itself", "test_copies.py"),
    MusicBug(COMPARE, "[*held_out, *train] if everyone or not held_out else held_out",
        "[*held_out, *train] if everyone or not held_out else train",
        "composed pieces judged beside the pieces trained on", "test_compare.py"),
    MusicBug(STATISTICS, "    change = np.flatnonzero(np.diff(pitches))\n",
        "    change = np.flatnonzero(np.diff(pitches[1:]))\n", "a run that begins a note late",
        "test_statistics.py"),
    MusicBug(FORM, "place - first.setdefault(run.tobytes(), place) >= size",
        "place - first.setdefault(run.tobytes(), place) >= 1", "a pattern that overlaps itself",
        "test_form.py"),
    MusicBug(FORM, "(step, pitch - lowest)", "(step, pitch % 12)",
        "a bar in another key not recognised", "test_form.py"),
    MusicBug(FORM, "& (inner >= 2 * waits.mean())", "", "a phrase after every long note",
        "test_form.py"),
    MusicBug(CONTROL, "np.roll(PROFILES[key.mode], key.tonic)",
        "np.roll(PROFILES[key.mode], -key.tonic)",
        "keys the wrong way around", "test_harmony.py"),
    MusicBug(HARMONY, "np.minimum(end[j], end[i])", "end[j]",
        "notes that sound together after one has ended", "test_harmony.py"),
    MusicBug(RHYTHM, "np.maximum.accumulate(end)[:-1]", "end[:-1]",
        "silence while an earlier note is held", "test_rhythm.py"),
    MusicBug(COMPARE, "start = part[0].onset // bar * bar", "start = part[0].onset",
        "an excerpt moved within its bar", "test_compare.py"),
]  # fmt: skip
