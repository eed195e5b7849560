/* A piece in the making: its tokens, the net's state after each, and how each part came about.

   A part is either given (played, or composed by Python) or composed here, from a seed and
   settings; a composed part can be repeated from these. So a piece is edited by cutting its list of
   parts and adding one, and anything that was heard can be heard again. Next: worker.js. */

import { Random } from "./random.js";
import { GrammarRules } from "./rules.js";
import { choose, Cycles, masked, probabilities } from "./sampler.js";
import { ShapedRules } from "./shape.js";

/** @import { Grammar } from "./grammar" */
/** @import { Net } from "./net" */
/** @import { Cut, Length, Keep, Memory, Part, Plan, Settings } from "./types" */

const KEPT = 2048;  // states of so many last tokens are kept, and of the earlier ones every 64th
const FREE = /** @type {Length} */ ({ amount: 0, unit: "free" });
const SOFT = 3;  // nats that a pitch outside the chosen key loses

export class Composer {
  /** @param {Net} net @param {Grammar} grammar */
  constructor(net, grammar) {
    this.net = net;
    this.grammar = grammar;
    this.ids = /** @type {number[]} */ ([]);
    this.cutAt = /** @type {string[]} */ ([]);  // what was shut when each token was read, as text
    this.states = [net.initialStates()];  // states[t]: after t tokens
    this.logits = /** @type {Float32Array} */ (new Float32Array(0));  // after them
    this.read = 0;
    this.plan = /** @type {Plan} */ ({ parts: [], tempo: 120, metre: [4, 4] });
    this.drawing = /** @type {ReturnType<Composer["begin"]> | null} */ (null);
    this.at = 0;  // the part that is being composed
    this.steps = this.counted = 0;  // of time, and the tokens that were counted for it
    this.shift = grammar.values(["TimeShift"]);
    this.pitch = grammar.values(["Pitch"], -1);
  }

  /** Quarter notes so far. */
  get quarters() {
    while (this.counted < this.ids.length) this.steps += this.shift[this.ids[this.counted++]];
    return this.steps / this.grammar.alphabet.grid;
  }

  /** Begin or change the piece. What is the same as before is not read again.
   * @param {Plan} plan */
  open(plan) {
    const [ids, cutAt] = [this.ids, this.cutAt];
    this.plan = plan;
    [this.ids, this.cutAt, this.at, this.steps, this.counted] = [[], [], -1, 0, 0];
    this.nextPart();
    let same = 0;
    while (same < Math.min(this.ids.length, this.read)
      && ids[same] === this.ids[same] && cutAt[same] === this.cutAt[same]) same++;
    if (same < this.read) this.goBack(same);
  }

  /** Take over the tokens that are there, up to the next part that is not finished. */
  nextPart() {
    this.drawing = null;
    do {
      const part = this.plan.parts[++this.at];
      const cuts = JSON.stringify(part?.settings?.cuts ?? []);
      for (const id of part?.ids ?? []) {
        this.ids.push(id);
        this.cutAt.push(cuts);
      }
    } while (this.at < this.plan.parts.length && !this.part);
  }

  /** Forget what was read after `place` tokens. @param {number} place */
  goBack(place) {
    let kept = place;
    while (!this.states[kept]) kept--;
    this.states.length = kept + 1;
    this.read = kept;
    this.logits = new Float32Array(0);
    // The logits after `kept` tokens are not stored: the last token is read once more.
    if (kept) {
      let before = kept - 1;
      while (!this.states[before]) before--;
      this.states.length = before + 1;
      this.read = before;
    }
  }

  /** Read the next token of the piece. */
  readOne() {
    const t = this.read, keeps = this.keeps(JSON.parse(this.cutAt[t]));
    const { logits, states } = this.net.step(this.ids[t], this.states[t], keeps);
    this.logits = logits;
    this.states[t + 1] = states;
    this.read = t + 1;
    if (t > KEPT && (t - KEPT) % 64) delete this.states[t - KEPT];
  }

  /** The part that is being composed, or undefined. */
  get part() {
    const part = this.plan.parts[this.at];
    return part && part.seed !== null && part.ids.length < (part.count ?? Infinity) ? part
      : undefined;
  }

  /** One token more: read, or composed and left to be read. False if there is nothing to do. */
  work() {
    if (this.read < this.ids.length) this.readOne();
    else if (this.part && this.ids.length) this.composeOne(this.part);
    else return false;
    return true;
  }

  /** @param {Part} part */
  composeOne(part) {
    const { random, rules, cycles } = this.drawing ??= this.begin(part);
    const settings = /** @type {Settings} */ (part.settings);
    const logits = rules.weigh(this.inKey(this.logits, settings.key));
    const uniform = random.next();
    const open = masked(logits, rules.allowed(), cycles.forbidden(settings.maxRepeat));
    const token = rules.accept(choose(open, settings, uniform));
    cycles.add(token);
    this.ids.push(token);
    this.cutAt.push(JSON.stringify(settings.cuts));
    part.ids.push(token);
    if (rules.done) part.count = part.ids.length;
    if (!this.part) this.nextPart();
  }

  /** The random numbers, rules and cycles of a part, after the tokens it already has.
   * @param {Part} part */
  begin(part) {
    const { tempo, metre } = this.plan, length = part.length ?? FREE;
    const random = new Random(part.seed ?? 0);
    const settings = /** @type {Settings} */ (part.settings);
    const rules = new ShapedRules(this.grammar, length, tempo, metre, settings);
    const cycles = new Cycles(this.grammar.alphabet.limits.cycle);
    rules.begin(this.ids.slice(0, this.ids.length - part.ids.length));
    for (const token of part.ids) {
      random.next();
      rules.accept(token);
      cycles.add(token);
    }
    return { random, rules, cycles };
  }

  /** Logits that prefer the pitches of a key. @param {Float32Array} logits
   * @param {number[] | null} key pitch classes */
  inKey(logits, key) {
    if (!key) return logits;
    return logits.map((logit, v) =>
      this.pitch[v] >= 0 && !key.includes(this.pitch[v] % 12) ? logit - SOFT : logit);
  }

  /** For each layer what its gates are multiplied by, (4H,); null where all are open.
   * @param {Cut[]} cuts @returns {Keep[]} */
  keeps(cuts) {
    if (!cuts.length) return [];
    return this.net.layers.map((layer) => {
      const own = cuts.filter((cut) => cut.layer === layer.name);
      if (!own.length) return null;
      const H = layer.units, keep = new Float32Array(4 * H).fill(1);
      for (const { gate, unit } of own) {
        for (const k of gate ? ["ifgo".indexOf(gate)] : [0, 1, 2, 3]) {
          if (unit === null) keep.fill(0, k * H, (k + 1) * H);
          else keep[k * H + unit] = 0;
        }
      }
      return keep;
    });
  }

  /** What the net holds and expects after `place` tokens, if the last was read with these settings.
   * @param {number} place from 1 to `read` @param {Settings} settings */
  inspect(place, settings) {
    let from = place - 1;
    while (!this.states[from]) from--;
    let states = this.states[from], logits = this.logits;
    for (let t = from; t < place; t++) {
      const cuts = t === place - 1 ? settings.cuts : JSON.parse(this.cutAt[t]);
      ({ logits, states } = this.net.step(this.ids[t], states, this.keeps(cuts)));
    }
    const { tempo, metre } = this.plan;
    const rules = new GrammarRules(this.grammar, FREE, tempo, metre);
    rules.begin(this.ids.slice(0, place));
    const open = masked(this.inKey(logits, settings.key), rules.allowed(), new Set());
    return { logits, p: probabilities(open, settings), states };
  }

  /** The cell and the gates of one unit after each token that was read, as far as they are kept.
   * @param {number} layer @param {number} unit */
  trace(layer, unit) {
    const place = /** @type {number[]} */ ([]), values = /** @type {number[][]} */ ([]);
    this.states.forEach((states, t) => {
      const memory = /** @type {Memory | null} */ (states[layer]);
      if (!t || !memory) return;
      const H = memory.h.length, gates = [];
      for (let k = unit; k < memory.gates.length; k += H) gates.push(memory.gates[k]);
      place.push(t - 1);
      values.push([memory.c[unit], ...gates]);
    });
    return { place, values };
  }
}
