/* What was played, as music: its beat, its key, its notes on the grid. Next: duet.js. */

import { classes } from "./statistics.js";

/** @import { Instrument, Note } from "./types" */

/** A key that was pressed: seconds. @typedef {{ pitch: number, velocity: number, on: number,
 *  off: number }} Press */

const BLUR = 0.045;  // seconds that a player is off the beat, about
const DIVISIONS = /** @type {[number, number][]} */ ([[1, 0], [2, 0.3], [4, 0.9], [3, 1.3]]);
const [SLOWEST, FASTEST] = [56, 176];
const NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

/** The likely place of something heard at a time in beats: on the beat, a half, a quarter or a
 * third of it. @param {number} beats @param {number} blur in beats */
export function snap(beats, blur) {
  let best = { at: beats, cost: Infinity };
  for (const [parts, price] of DIVISIONS) {
    const at = Math.round(beats * parts) / parts, cost = price + ((beats - at) / blur) ** 2;
    if (cost < best.cost) best = { at, cost };
  }
  return best;
}

/** The tempo that puts a phrase on simple places of the beat; near `current` if in doubt.
 * @param {number[]} onsets seconds @param {number} current quarter notes per minute */
export function tempoOf(onsets, current) {
  let best = { bpm: current, cost: Infinity };
  if (onsets.length < 3) return current;
  for (let bpm = SLOWEST; bpm <= FASTEST; bpm++) {
    const beat = 60 / bpm;
    const costs = onsets.map((onset) => snap((onset - onsets[0]) / beat, BLUR / beat).cost);
    const cost = costs.reduce((a, b) => a + b, 0) + 4 * Math.log2(bpm / current) ** 2;
    if (cost < best.cost) best = { bpm, cost };
  }
  return best.bpm;
}

/** What was pressed, as notes from a quarter note on.
 * @param {Press[]} presses @param {number} bpm @param {number} begin @returns {Note[]} */
export function notesOf(presses, bpm, begin) {
  const beat = 60 / bpm, first = presses[0].on;
  const notes = presses.map(({ pitch, velocity, on, off }) => {
    const onset = snap((on - first) / beat, BLUR / beat).at;
    const duration = Math.max(Math.round((off - on) / beat * 4) / 4, 0.25);
    return /** @type {Note} */ ([begin + onset, duration, pitch, velocity, 0]);
  });
  const seen = new Set();  // a key struck twice within a grid step is one note
  return notes.sort((a, b) => a[0] - b[0] || a[2] - b[2]).filter(([onset, , pitch]) => {
    const fresh = !seen.has(`${onset} ${pitch}`);
    seen.add(`${onset} ${pitch}`);
    return fresh;
  });
}

/** The key of some notes: the one whose profile their durations fit best (Krumhansl, Kessler).
 * @param {Note[]} notes @param {Instrument} net */
export function keyOf(notes, net) {
  const weight = /** @type {number[]} */ (Array(12).fill(0));
  for (const [, duration, pitch] of notes) weight[pitch % 12] += Math.min(duration, 2);
  weight[notes[0][2] % 12] += 1;  // phrases like to begin and to end on the key's own notes
  weight[notes[notes.length - 1][2] % 12] += 1;
  let best = { name: "", pitches: /** @type {number[]} */ ([]), fit: -Infinity };
  for (const mode of /** @type {("major" | "minor")[]} */ (["major", "minor"])) {
    for (let root = 0; root < 12; root++) {
      const fit = correlation(weight, weight.map((_, pc) =>
        net.profiles[mode][(pc - root + 12) % 12]));
      if (fit > best.fit) best = { ...keyNamed(root, mode, net), fit };
    }
  }
  const played = classes(notes.map((note) => note[2])).flatMap((n, pc) => n ? [pc] : []);
  return { name: best.name, pitches: [...new Set([...best.pitches, ...played])] };
}

/** @param {number} root @param {"major" | "minor"} mode @param {Instrument} net */
export function keyNamed(root, mode, net) {
  return { name: `${NAMES[root]} ${mode}`,
    pitches: net.scales[mode].map((step) => (root + step) % 12) };
}

/** Pearson's r. @param {number[]} a @param {number[]} b */
function correlation(a, b) {
  const mean = (/** @type {number[]} */ x) => x.reduce((s, v) => s + v, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, n) => {
    ab += (value - ma) * (b[n] - mb);
    aa += (value - ma) ** 2;
    bb += (b[n] - mb) ** 2;
  });
  return aa * bb ? ab / Math.sqrt(aa * bb) : 0;
}
