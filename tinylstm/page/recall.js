/* What a piece expects because it has heard it: `Recall` of recall.py. Next: shape.js. */

const LONGEST = 8, SHARPNESS = 1.5, HALF = 3, MOST = 0.8, REMEMBERED = 4096, NEAREST = 4;

export class Recall {
  constructor() {
    this.pitches = /** @type {number[]} */ ([]);
    this.runs = /** @type {number[]} */ ([]);  // as many intervals up to each equal the last ones
  }

  /** @param {number} pitch */
  add(pitch) {
    const before = this.runs.slice(-REMEMBERED), all = this.pitches.slice(-REMEMBERED);
    const step = pitch - all[all.length - 1];
    this.pitches = [...all, pitch];
    this.runs = this.pitches.map((_, n) => n && n < all.length && all[n] - all[n - 1] === step
      ? before[n - 1] + 1 : 0);
  }

  /** The probabilities of the next pitch, from the net's.
   * @param {Float64Array} p (128,) @param {number} strength */
  mixed(p, strength) {
    const { pitches, runs } = this, last = pitches[pitches.length - 1];
    const found = runs.flatMap((run, n) => {
      const moved = last - pitches[n], following = pitches[n + 1] + moved;
      return run && n < runs.length - NEAREST && following >= 0 && following < p.length
        ? [{ following, match: Math.min(run, LONGEST) + (moved ? 0 : 1) }] : [];
    });
    if (!found.length) return p;
    const best = found.reduce((most, { match }) => Math.max(most, match), 0);
    const weights = new Float64Array(p.length);
    for (const { following, match } of found) {
      weights[following] += Math.exp(SHARPNESS * (match - best));
    }
    const recalled = weights.map((weight, v) => weight * p[v]);
    const sum = recalled.reduce((a, b) => a + b, 0);
    const share = strength * Math.min(MOST, best ** 2 / (best ** 2 + HALF ** 2));
    return p.map((value, v) => (1 - share) * value + share * recalled[v] / sum);
  }
}
