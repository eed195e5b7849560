/* A piece on the page: its notes, the tokens behind them, and the parts it was made of. */

import { Decoder } from "./grammar.js";

/** @import { Alphabet, Note, Part, Take } from "./types" */

export class Piece {
  /** @param {Take} take @param {Alphabet | null} alphabet */
  constructor(take, alphabet) {
    this.take = take;
    this.alphabet = alphabet;
    this.tempo = take.tempo;
    this.metre = take.metre;
    this.label = take.label;
    this.about = take.about;
    this.decoder = alphabet && new Decoder(alphabet);
    this.parts = /** @type {Part[]} */ (take.ids.length && alphabet ? [given(take.ids)] : []);
    this.composing = false;
    this.draft = false;
    this.playedNow = /** @type {Note[]} */ ([]);  // a phrase that is being played
    take.ids.forEach((id) => this.decoder?.push(id));
    // A take may leave out its primer's notes: those of the tokens are then earlier.
    this.skipped = Math.max((this.decoder?.notes.length ?? 0) - take.notes.length, 0);
    this.later = this.skipped ? this.decoder?.notes[this.skipped][0] ?? 0 : 0;
    this.given = take.primed;
    this.ending = { notes: 0, end: 0.5 };  // the end of the first notes
  }

  /** @returns {Note[]} */
  get composed() {
    return this.draft && this.decoder ? this.decoder.notes : this.take.notes;
  }

  /** @returns {Note[]} in order of onset */
  get notes() {
    return this.playedNow.length ? [...this.composed, ...this.playedNow] : this.composed;
  }

  get ids() {
    return this.parts.flatMap((part) => part.ids);
  }

  /** The quarter note at which the last note ends. */
  get end() {
    const { composed: notes, ending } = this;
    for (; ending.notes < notes.length - 1; ending.notes++) {  // the last note may still grow
      const [onset, duration] = notes[ending.notes];
      ending.end = Math.max(ending.end, onset + duration);
    }
    const last = notes[notes.length - 1] ?? [0, 0];
    return Math.max(ending.end, last[0] + last[1],
      ...this.playedNow.map(([onset, duration]) => onset + duration));
  }

  get bar() {
    return this.metre[0] * 4 / this.metre[1];
  }

  /** How many notes of the decoder come before a time. @param {number} quarters */
  notesBefore(quarters) {
    const shifted = this.draft ? quarters : quarters + this.later;
    const notes = this.decoder?.notes ?? [];
    const place = notes.findIndex((note) => note[0] >= shifted - 1e-6);
    return place < 0 ? notes.length : place;
  }

  /** The tokens up to and with a number of notes. @param {number} count */
  tokensOf(count) {
    return count ? this.decoder?.ends[count - 1] ?? 1 : 1;
  }

  /** The token that opened the note that sounds at a time. @param {number} quarters */
  placeAt(quarters) {
    const count = this.notesBefore(quarters + 1e-3);
    return this.decoder?.opened[Math.max(count - 1, 0)] ?? 0;
  }

  /** The parts, cut after a number of tokens. @param {number} tokens @returns {Part[]} */
  cut(tokens) {
    const kept = [];
    for (const part of this.parts) {
      if (tokens <= 0) break;
      const ids = part.ids.slice(0, tokens);
      kept.push({ ...part, ids, count: part.seed === null ? null : ids.length });
      tokens -= part.ids.length;
    }
    return kept;
  }

  /** The part that a token belongs to. @param {number} place */
  partAt(place) {
    let start = 0;
    for (const part of this.parts) {
      if (place < start + part.ids.length || !finished(part)) return part;
      start += part.ids.length;
    }
    return undefined;
  }

  /** Tokens come from the net in order, given ones too. @param {number[]} ids */
  receive(ids) {
    for (const id of ids) {
      const part = this.partAt(this.decoder?.read ?? 0);
      if (part && !finished(part)) {
        part.ids.push(id);
        if (id === this.alphabet?.eos) part.count = part.ids.length;
      }
      this.decoder?.push(id);
    }
  }

  /** Whether a note was given, not composed here. @param {number} n */
  isGiven(n) {
    if (!this.draft) return n < this.given;
    const place = this.decoder?.opened[n];
    return place === undefined || this.partAt(place)?.seed === null;
  }
}

/** @param {Part} part */
export function finished(part) {
  return part.seed === null || part.ids.length >= (part.count ?? Infinity);
}

/** Tokens that are there. @param {number[]} ids @returns {Part} */
export function given(ids) {
  return { ids: [...ids], seed: null, settings: null, length: null, count: null };
}

/** A new piece to be composed. @param {Part[]} parts @param {Alphabet} alphabet
 * @param {string} label @param {{ tempo: number, metre: number[] }} like */
export function draftOf(parts, alphabet, label, { tempo, metre }) {
  const ids = [];
  for (const part of parts) {  // the tokens so far; later parts come when they are composed
    ids.push(...part.ids);
    if (!finished(part)) break;
  }
  const piece = new Piece({ label, about: "", tempo, metre, notes: [], primed: 0, inside: [],
    figures: {}, source: "", ids: [] }, alphabet);
  piece.draft = true;
  piece.parts = parts;
  piece.later = piece.skipped = 0;
  ids.forEach((id) => piece.decoder?.push(id));
  return piece;
}
