/* How long a piece becomes, and which tokens may come next: `GrammarRules` of limits.py, for one
   sequence. Next: composer.js. */

/** @import { Grammar } from "./grammar" */
/** @import { Length } from "./types" */

/** A length in quarter notes; Infinity where it is counted in notes or free.
 * @param {Length} length @param {number} tempo @param {number[]} metre */
export function quartersOf({ amount, unit }, tempo, metre) {
  if (unit === "bars") return amount * metre[0] * 4 / metre[1];
  if (unit === "quarters") return amount;
  return unit === "seconds" ? amount * tempo / 60 : Infinity;
}

export class GrammarRules {
  /** @param {Grammar} grammar @param {Length} length
   * @param {number} tempo @param {number[]} metre */
  constructor(grammar, length, tempo, metre) {
    const { grid, limits, eos } = grammar.alphabet;
    this.grammar = grammar;
    this.eos = eos;
    this.free = length.unit === "free";
    const wanted = length.unit === "notes" ? length.amount : Infinity;
    this.notesWanted = this.free ? limits.free : wanted;
    const quarters = Math.min(quartersOf(length, tempo, metre), limits.longest / 2);
    this.stepsWanted = Math.max(1, Math.floor(quarters * grid));
    const bar = Math.floor(metre[0] * 4 * grid / metre[1]);
    this.bar = length.unit === "bars" ? Math.max(1, bar) : 1;  // bars are counted from a bar line
    const most = this.notesWanted < Infinity ? this.notesWanted : quarters * limits.densest;
    this.most = Math.floor(limits.tokens * most) + 1;  // tokens
    this.pitch = grammar.values(["Pitch", "Drum"], -1);  // (V,), as are all these
    this.family = grammar.values(["Family"], -1);
    this.shift = grammar.values(["TimeShift"]);
    this.duration = grammar.values(["Duration"]);
    this.state = this.left = this.sounding = this.notes = this.length = 0;
    this.above = -1;
    this.done = false;
  }

  /** Start after a primer. @param {number[]} primer */
  begin(primer) {
    this.state = this.grammar.stateAfter(primer);
    const now = primer.reduce((sum, token) => sum + this.shift[token], 0);
    this.left = this.stepsWanted + (this.bar - now % this.bar) % this.bar;  // steps to the target
    this.sounding = 0;  // steps of the last note so far
    this.notes = 0;  // new ones
    this.above = -1;  // the highest pitch at this onset
    this.length = 0;  // new tokens
    this.done = false;
  }

  /** Which tokens may come next, (V,): by the grammar, and within the target. */
  allowed() {
    const allowed = this.grammar.allowed(this.state), whole = allowed[this.eos];
    if (!this.free) allowed[this.eos] = 0;
    for (let v = 0; v < allowed.length; v++) {
      if (!(this.shift[v] < this.left || whole)) allowed[v] = 0;  // else there is no way to end
      const sounds = this.duration[v] ? this.sounding + this.duration[v] : 0;
      if (sounds > this.left || (this.pitch[v] >= 0 && this.pitch[v] <= this.above)) allowed[v] = 0;
    }
    if (this.done) allowed[this.eos] = 1;
    return allowed;
  }

  /** Take the next token, or EOS where it would go beyond the target. @param {number} token */
  accept(token) {
    const mayEnd = this.grammar.step(this.state, this.eos) >= 0;
    const enough = this.notes >= this.notesWanted || this.shift[token] >= this.left;
    const over = enough && !this.duration[token] || this.length >= this.most;
    if (mayEnd && over || this.done) token = this.eos;
    if (!this.done) this.state = this.grammar.step(this.state, token), this.length++;
    this.done ||= token === this.eos;
    const opens = this.pitch[token] >= 0;
    this.notes += Number(opens);
    this.left -= this.shift[token];
    this.sounding = opens ? 0 : this.sounding + this.duration[token];
    if (opens) this.above = this.pitch[token];
    if (this.shift[token] > 0 || this.family[token] >= 0) this.above = -1;
    return token;
  }
}
