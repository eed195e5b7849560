/* How a token is drawn from logits: `Sampling` and `Cycles` of generate.py, for one sequence.
   Next: grammar.js. */

/** @import { Sampling } from "./types" */

/** The distribution that a token is drawn from, (V,). A logit of -Infinity forbids a token.
 * @param {ArrayLike<number>} logits @param {Sampling} sampling @returns {Float64Array} */
export function probabilities(logits, { temperature, topK, topP, minP }) {
  const all = new Float64Array(logits), most = all.reduce((a, b) => Math.max(a, b), -Infinity);
  const z = all.map((logit) => (logit - most) / (temperature || 1e-9));  // (V,)
  if (topK > 0 && topK < z.length) {
    const least = z.toSorted()[z.length - topK];
    z.forEach((value, v) => { if (value < least) z[v] = -Infinity; });
  }
  const p = normalised(z.map(Math.exp));
  if (topP < 1) {
    let before = 0, least = 1;  // before: the mass of all more likely tokens
    for (const value of p.toSorted().reverse()) {
      if (before < topP) least = Math.min(least, value);
      before += value;
    }
    p.forEach((value, v) => { if (value < least) p[v] = 0; });
  }
  if (minP > 0) {
    const largest = Math.max(...p);
    p.forEach((value, v) => { if (value < minP * largest) p[v] = 0; });
  }
  return normalised(p);
}

/** @param {Float64Array} p */
function normalised(p) {
  const sum = p.reduce((a, b) => a + b, 0);
  return p.map((value) => value / sum);
}

/** A token, drawn with a uniform number in [0, 1): the first whose cumulative mass exceeds it.
 * @param {ArrayLike<number>} logits @param {Sampling} sampling @param {number} uniform */
export function choose(logits, sampling, uniform) {
  const all = Array.from(logits);
  if (sampling.temperature === 0) return all.indexOf(Math.max(...all));
  let mass = 0;
  const cumulative = probabilities(logits, sampling).map((p) => (mass += p));
  return cumulative.findIndex((value) => value > uniform * mass);
}

/** Logits with -Infinity for forbidden tokens. If only a repetition is allowed, it stays.
 * @param {ArrayLike<number>} logits @param {Uint8Array} allowed @param {Set<number>} repeats */
export function masked(logits, allowed, repeats) {
  const fresh = allowed.map((may, v) => may && !repeats.has(v) ? 1 : 0);
  const open = fresh.includes(1) ? fresh : allowed;
  return Float64Array.from(logits, (logit, v) => open[v] ? logit : -Infinity);
}

/** The length of the cycle of 1, 2, ... tokens that a sequence ends in, up to `longest` tokens. */
export class Cycles {
  /** @param {number} longest */
  constructor(longest) {
    this.last = /** @type {number[]} */ (Array(longest).fill(-1));  // the newest first
    this.lengths = this.last.map((_, n) => n + 1);
  }

  /** @param {number} token */
  add(token) {
    this.lengths = this.last.map((old, n) => old === token ? this.lengths[n] + 1 : n + 1);
    this.last = [token, ...this.last.slice(0, -1)];
  }

  /** The tokens that would make a cycle longer than `most` tokens; 0 forbids none.
   * @param {number} most */
  forbidden(most) {
    return new Set(most ? this.last.filter((old, n) => old >= 0 && this.lengths[n] >= most) : []);
  }
}
