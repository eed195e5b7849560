/* The statistics of music/evaluation/statistics.py, for a piece that is still being made; that
   file says what they mean and where they come from. */

import { DRUMS } from "./grammar.js";

/** @import { Note } from "./types" */

const GRID = 12;  // steps per quarter note

/** @param {Note[]} notes */
function pitches(notes) {
  const tones = notes.filter((note) => note[4] !== DRUMS);
  return (tones.length ? tones : notes).map((note) => note[2]);
}

/** How many notes there are of each pitch class, (12,). @param {number[]} pitchList */
export function classes(pitchList) {
  const counts = /** @type {number[]} */ (Array(12).fill(0));
  for (const pitch of pitchList) counts[pitch % 12]++;
  return counts;
}

/** @param {number[]} values */
const sum = (values) => values.reduce((a, b) => a + b, 0);

/** @param {Note[]} notes @param {number[][]} scales */
export function scaleConsistency(notes, scales) {
  const counts = classes(pitches(notes));
  const shares = counts.flatMap((_, root) =>
    scales.map((scale) => sum(scale.map((step) => counts[(root + step) % 12]))));
  return Math.max(...shares) / sum(counts);
}

/** @param {Note[]} notes */
function pitchClassEntropy(notes) {
  const counts = classes(pitches(notes)).filter((n) => n > 0), all = sum(counts);
  return 0 - sum(counts.map((n) => n / all * Math.log2(n / all)));
}

/** @param {Note[]} notes */
function grooveConsistency(notes) {
  const size = 4 * GRID, steps = notes.map((note) => Math.round(note[0] * GRID));
  const count = Math.floor(Math.max(...steps) / size) + 1;
  const bars = Array.from({ length: count }, () => new Set());
  for (const step of steps) bars[Math.floor(step / size)].add(step % size);
  let different = 0;
  for (let n = 1; n < count; n++) {
    different += bars[n].size + bars[n - 1].size;
    for (const step of bars[n]) if (bars[n - 1].has(step)) different -= 2;
  }
  return count > 1 ? 1 - different / (count - 1) / size : 1;
}

/** @param {Note[]} notes */
function polyphony(notes) {
  const change = /** @type {number[]} */ ([]);
  for (const [onset, duration] of notes) {
    const start = Math.round(onset * GRID);
    const end = Math.max(Math.round((onset + duration) * GRID), start + 1);
    change[start] = (change[start] ?? 0) + 1;
    change[end] = (change[end] ?? 0) - 1;
  }
  let now = 0, total = 0, steps = 0;
  for (let step = 0; step < change.length; step++) {
    now += change[step] ?? 0;
    total += now;
    steps += Number(now > 0);
  }
  return total / steps;
}

/** @param {Note[]} notes */
function noteDensity(notes) {
  const begin = Math.min(...notes.map((note) => note[0]));
  return notes.length / (Math.max(...notes.map((note) => note[0] + note[1])) - begin);
}

/** @param {Note[]} notes */
function pitchRange(notes) {
  return Math.max(...pitches(notes)) - Math.min(...pitches(notes));
}

/** @param {Note[]} notes */
function distinctNgrams(notes) {
  const order = notes.map(([onset, , pitch]) => [Math.round(onset * GRID), pitch])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const steps = order.slice(1)
    .map(([time, pitch], n) => `${pitch - order[n][1]} ${time - order[n][0]}`);
  if (steps.length < 4) return 1;
  const runs = steps.slice(3).map((_, n) => steps.slice(n, n + 4).join());
  return new Set(runs).size / runs.length;
}

/** @param {Note[]} notes */
function longestRun(notes) {
  const order = [...notes].sort((a, b) => a[0] - b[0] || a[2] - b[2]);
  let run = 0, longest = 0;
  order.forEach((note, n) => {
    run = n && note[2] === order[n - 1][2] ? run + 1 : 1;
    longest = Math.max(longest, run);
  });
  return longest;
}

/** The longest passage that repeats a cycle of up to `most` tokens. @param {number[]} ids
 * @param {number} most */
function longestCycle(ids, most) {
  let longest = 0;
  for (let period = 1; period <= Math.min(most, ids.length - 1); period++) {
    let run = 0;
    for (let n = period; n < ids.length; n++) {
      run = ids[n] === ids[n - period] ? run + 1 : 0;
      if (run >= period) longest = Math.max(longest, run + period);
    }
  }
  return longest;
}

/** All figures by name, as statistics.py and compare.py name them.
 * @param {Note[]} notes @param {number[]} ids @param {number[][]} scales @param {number} cycle
 * @returns {Record<string, number>} */
export function statistics(notes, ids, scales, cycle) {
  return {
    cycle: longestCycle(ids, cycle),
    pitch_class_entropy: pitchClassEntropy(notes),
    scale_consistency: scaleConsistency(notes, scales),
    groove_consistency: grooveConsistency(notes),
    polyphony: polyphony(notes),
    note_density: noteDensity(notes),
    pitch_range: pitchRange(notes),
    distinct_ngrams: distinctNgrams(notes),
    longest_run: longestRun(notes),
  };
}
