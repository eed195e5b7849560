/* Tokens and music: the grammar's tables and the tokenizer of events.py. net.py writes the tables;
   times are whole steps of the grid until they become quarter notes. Next: rules.js. */

/** @import { Alphabet, Kind, Note } from "./types" */

export const DRUMS = 128;

/** Which token may follow which, and which state follows: two tables. */
export class Grammar {
  /** @param {Alphabet} alphabet */
  constructor(alphabet) {
    this.alphabet = alphabet;
    this.size = alphabet.kinds.length;  // V
    this.rows = /** @type {Map<number, Uint8Array>} */ (new Map());
  }

  /** @param {number} state @param {number} token */
  step(state, token) {
    return this.alphabet.next[state * this.size + token];
  }

  /** Which tokens may come next, (V,) of 0 and 1. @param {number} state */
  allowed(state) {
    let row = this.rows.get(state);
    if (!row) {
      const first = state * this.size, after = this.alphabet.next.slice(first, first + this.size);
      row = Uint8Array.from(after, (next) => next >= 0 ? 1 : 0);
      this.rows.set(state, row);
    }
    return row.slice();
  }

  /** The state after tokens. Throws an error for one that may not stand where it does.
   * @param {number[]} ids @param {number} state */
  stateAfter(ids, state = this.alphabet.anywhere) {
    ids.forEach((token, place) => {
      state = this.step(state, token);
      if (!(state >= 0)) {
        throw new Error(`${this.alphabet.names[token]} cannot stand at place ${place}`);
      }
    });
    return state;
  }

  /** The value of each token of some kinds, (V,), and `other` for the rest.
   * @param {Kind[]} kinds @param {number} other */
  values(kinds, other = 0) {
    const { kinds: all, values } = this.alphabet;
    return Int32Array.from(all, (kind, v) => kinds.includes(kind) ? values[v] : other);
  }

  /** The value of the first token of a time. @param {number} steps */
  part(steps) {
    const { bar, longest } = this.alphabet;
    return steps < bar ? steps : Math.min(steps - steps % bar, longest);
  }

  /** The chord on the tonic of the key of some pitches: `Key.of` of control.py.
   * @param {number[]} pitches @returns {number[]} pitch classes */
  triad(pitches) {
    const counts = /** @type {number[]} */ (Array(12).fill(0));
    for (const pitch of pitches) counts[pitch % 12]++;
    let best = { fit: -Infinity, triad: [0, 4, 7] };
    if (new Set(counts).size === 1) return best.triad;
    for (const mode of /** @type {const} */ (["major", "minor"])) {
      const profile = this.alphabet.profiles[mode];
      const mean = profile.reduce((a, b) => a + b, 0) / 12;
      const spread = Math.sqrt(profile.reduce((sum, value) => sum + (value - mean) ** 2, 0));
      for (let tonic = 0; tonic < 12; tonic++) {
        const fit = counts.reduce((sum, count, pc) =>
          sum + count * (profile[(pc - tonic + 12) % 12] - mean) / spread, 0);
        const triad = [0, mode === "major" ? 4 : 3, 7].map((step) => (tonic + step) % 12);
        if (fit > best.fit) best = { fit, triad };
      }
    }
    return best.triad;
  }
}

/** From tokens to notes, one token at a time. */
export class Decoder {
  /** @param {Alphabet} alphabet */
  constructor(alphabet) {
    this.alphabet = alphabet;
    this.notes = /** @type {Note[]} */ ([]);
    this.opened = /** @type {number[]} */ ([]);  // the place of each note's pitch token
    this.places = /** @type {number[]} */ ([]);  // the place of its first duration
    this.ends = /** @type {number[]} */ ([]);  // the place after its last duration
    this.now = 0;
    this.length = 0;
    this.read = 0;  // tokens so far
    this.family = 0;
    this.open = /** @type {Note | null} */ (null);
  }

  /** @param {number} token */
  push(token) {
    const { kinds, values, grid, loudness } = this.alphabet;
    const kind = kinds[token], value = values[token], place = this.read++;
    if (kind === "BOS") [this.now, this.family] = [0, 0];
    else if (kind === "TimeShift") this.now += value;
    else if (kind === "Family") this.family = value;
    else if (kind === "Pitch" || kind === "Drum") {
      const program = kind === "Drum" ? DRUMS : this.family * 8;
      this.open = /** @type {Note} */ ([this.now / grid, 0, value, loudness.default, program]);
      this.opened[this.notes.length] = place;
    } else if (kind === "Velocity" && this.open) this.open[3] = loudness.levels[value];
    else if (kind === "Duration") {
      if (this.open) {
        this.places.push(place);
        this.notes.push(this.open);
        [this.open, this.length] = [null, 0];
      }
      this.length += value;
      this.notes[this.notes.length - 1][1] = this.length / grid;
      this.ends[this.notes.length - 1] = place + 1;
    }
  }
}

/** From notes to tokens, without BOS and EOS.
 * @param {Note[]} notes @param {Alphabet} alphabet @param {number} now quarter notes already past
 * @param {number} family of the last note before them */
export function encode(notes, alphabet, now = 0, family = 0) {
  const { kinds, values, grid, bar, longest, loudness } = alphabet;
  const id = new Map(kinds.map((kind, v) => [`${kind} ${values[v]}`, v]));
  const ids = /** @type {number[]} */ ([]);
  const add = (/** @type {Kind} */ kind, /** @type {number} */ value) => {
    const token = id.get(`${kind} ${value}`);
    if (token === undefined) throw new Error(`the net has no token ${kind} ${value}`);
    ids.push(token);
  };
  const addTime = (/** @type {Kind} */ kind, /** @type {number} */ steps) => {
    let rest = steps;
    for (; rest >= bar; rest -= Math.min(longest, rest - rest % bar)) {
      add(kind, Math.min(longest, rest - rest % bar));
    }
    if (rest) add(kind, rest);
  };
  const step = (/** @type {number} */ quarters) => Math.floor(quarters * grid + 0.5);
  const ordered = notes.map(([on, long, pitch, velocity, program]) => ({
    on: step(on), long: Math.max(1, step(long)), pitch, velocity,
    program: program === DRUMS ? DRUMS : Math.floor(program / 8) * 8,
  })).sort((a, b) => a.on - b.on || a.program - b.program || a.pitch - b.pitch || a.long - b.long);
  let last = step(now);
  for (const { on, long, pitch, velocity, program } of ordered) {
    addTime("TimeShift", on - last);
    last = on;
    if (program === DRUMS) add("Drum", pitch);
    else {
      if (program / 8 !== family) add("Family", family = program / 8);
      add("Pitch", pitch);
    }
    const levels = loudness.levels.length;
    const level = Math.floor(Math.max(velocity - 1, 0) * levels / 127);
    if (levels) add("Velocity", Math.min(level, levels - 1));
    addTime("Duration", long);
  }
  return ids;
}
