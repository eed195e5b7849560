/* Themes, rhythm, silence and the end of a piece: `ShapedRules` of shape.py, for one sequence.
   Next: composer.js. */

import { Recall } from "./recall.js";
import { GrammarRules } from "./rules.js";

/** @import { Grammar } from "./grammar" */
/** @import { Length, Settings } from "./types" */

const FINAL = 4, HELD = 4, LATELY = 32, LOWEST_TOP = 60, GAP = 5;  // as in shape.py

export class ShapedRules extends GrammarRules {
  /** @param {Grammar} grammar @param {Length} length
   * @param {number} tempo @param {number[]} metre @param {Settings} settings */
  constructor(grammar, length, tempo, metre, settings) {
    super(grammar, length, tempo, metre);
    this.settings = settings;
    this.counted = this.notesWanted < Infinity;
    const bar = Math.max(1, Math.floor(metre[0] * 4 * grammar.alphabet.grid / metre[1]));
    this.final = Math.min(bar, Math.max(1, Math.floor(this.stepsWanted / 2)));
    this.tone = grammar.values(["Pitch"], -1);
    this.recall = new Recall();
    this.waited = this.quiet = 0;  // steps since the last onset; since the last note ended
    this.closing = this.begun = false;  // in the last chord; there is a note
  }

  /** @param {number[]} primer */
  begin(primer) {
    super.begin(primer);
    for (const token of primer) this.hear(token);
    this.waited = this.quiet = 0;
  }

  /** @param {number} token */
  hear(token) {
    if (this.tone[token] >= 0) this.recall.add(this.tone[token]);
    this.waited = this.pitch[token] >= 0 ? 0 : this.waited + this.shift[token];
    this.quiet += this.shift[token];
    this.begun ||= this.pitch[token] >= 0;
  }

  /** Whether the next onset is the last one. */
  get near() {
    if (!this.settings.cadence || this.free) return false;
    return this.counted ? this.waited > 0 && this.notes >= this.notesWanted - FINAL
      : this.left <= this.final;
  }

  /** Logits after recall, so that at the temperature of the settings the rhythm has its own.
   * @param {ArrayLike<number>} logits @returns {ArrayLike<number>} */
  weigh(logits) {
    const { recall, rhythm, silence, cadence, temperature } = this.settings;
    if (!recall && !rhythm && !silence && !cadence) return logits;
    const z = logSoftmax(Float64Array.from(logits));
    const ids = Array.from(this.tone.keys()).filter((v) => this.tone[v] >= 0);
    let tones = Float64Array.from(ids, (v) => z[v]);
    const any = logSum(tones), slower = temperature / (rhythm || temperature || 1) || 1;
    tones = tones.map((tone) => tone - any);
    if (recall) {
      const p = tones.map((tone) => Math.max(Math.exp(tone), 1e-300));
      tones = this.recall.mixed(p, recall).map(Math.log);
    }
    if (temperature) {
      tones = logSoftmax(tones.map((tone) => tone / temperature)).map((tone) => tone * temperature);
    }
    z.forEach((value, v) => { z[v] = value * slower; });
    ids.forEach((v, n) => { z[v] = any * slower + tones[n]; });
    return this.toTheLastBar(z);
  }

  /** A time shift past the beginning of the last chord becomes the shift to it.
   * @param {Float64Array} z */
  toTheLastBar(z) {
    const gap = this.left - this.final;
    if (!this.settings.cadence || this.counted || this.free || gap <= 0) return z;
    const past = Array.from(z).filter((_, v) => this.shift[v] > gap);
    const first = this.shift.indexOf(this.grammar.part(gap));
    if (past.length) z[first] = logSum(Float64Array.of(z[first], logSum(Float64Array.from(past))));
    return z;
  }

  allowed() {
    const allowed = super.allowed(), { silence, cadence } = this.settings;
    if (this.done) return allowed;
    const longest = silence * this.grammar.alphabet.grid, gap = this.left - this.final;
    const barred = cadence && !this.free && !this.counted && gap > 0;
    this.shift.forEach((shift, v) => {
      const late = silence && this.quiet + shift > longest || barred && shift > gap;
      if (shift && (late || cadence && !this.begun)) allowed[v] = 0;
    });
    if (this.near || this.closing) this.close(allowed);
    return allowed;
  }

  /** Allow only what the last chord may have. @param {Uint8Array} allowed */
  close(allowed) {
    const triad = this.grammar.triad(this.recall.pitches);
    const chord = this.closing ? triad : [triad[0]];  // the tonic is the bass
    const top = Math.max(LOWEST_TOP, ...this.recall.pitches.slice(-LATELY));
    const missing = this.counted ? this.notesWanted - this.notes : 1;
    const held = this.counted ? HELD * this.grammar.alphabet.grid : this.left;
    const part = this.grammar.part(held - this.sounding);
    for (let v = 0; v < allowed.length; v++) {
      const fits = chord.includes(this.tone[v] % 12) && this.tone[v] <= top - GAP * (missing - 1);
      if (this.pitch[v] >= 0 && !(this.tone[v] >= 0 && fits)) allowed[v] = 0;
      if (this.family[v] >= 0) allowed[v] = 0;
      if (this.closing && this.duration[v] && this.duration[v] !== part) allowed[v] = 0;
    }
    if (!this.closing || !this.counted || this.notes >= this.notesWanted) return;
    if (!this.tone.some((tone, v) => tone >= 0 && allowed[v])) return;
    this.shift.forEach((shift, v) => { if (shift) allowed[v] = 0; });
  }

  /** @param {number} token */
  accept(token) {
    this.closing ||= this.near && this.pitch[token] >= 0;
    if (this.closing && this.shift[token]) this.left = 0;  // time is up
    token = super.accept(token);
    this.hear(token);
    if (this.duration[token] && !this.done) this.quiet = Math.min(this.quiet, -this.sounding);
    return token;
  }
}

/** @param {Float64Array} z */
function logSum(z) {
  const most = z.reduce((a, b) => Math.max(a, b), -Infinity);
  return most + Math.log(z.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

/** @param {Float64Array} z */
function logSoftmax(z) {
  const sum = logSum(z);
  return z.map((value) => value - sum);
}
