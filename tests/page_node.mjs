// Runs the page's own files in Node for tests/test_page_net.py: one job as JSON in, one answer out.

import { readFileSync } from "node:fs";
import { Composer } from "../tinylstm/page/composer.js";
import { Decoder, encode, Grammar } from "../tinylstm/page/grammar.js";
import { Net } from "../tinylstm/page/net.js";
import { Random } from "../tinylstm/page/random.js";
import { GrammarRules } from "../tinylstm/page/rules.js";
import { choose, Cycles, masked, probabilities } from "../tinylstm/page/sampler.js";
import { statistics } from "../tinylstm/page/statistics.js";
import { unpack } from "../tinylstm/page/unpack.js";

const job = JSON.parse(readFileSync(0, "utf8"));

function parts({ layers, weights, alphabet, tables }) {
  const grammar = new Grammar({ ...alphabet, next: unpack(tables).next });
  return { grammar, net: new Net(layers, unpack(weights)) };
}

/** Composed tokens, with a check of the grammar that does not trust the sampler. */
function compose({ data, primer, seed, settings, length, tempo = 120, metre = [4, 4] }) {
  const { grammar, net } = parts(data), composer = new Composer(net, grammar);
  const fixed = { ids: primer, seed: null, settings: null, length: null, count: null };
  const part = { ids: [], seed, settings: { ...data.settings, ...settings }, length, count: null };
  composer.open({ parts: [fixed, part], tempo, metre });
  while (composer.work());
  grammar.stateAfter(composer.ids);
  return composer.ids;
}

const JOBS = {
  logits({ data, ids, cuts = [] }) {
    const { grammar, net } = parts(data), keeps = new Composer(net, grammar).keeps(cuts);
    let states = net.initialStates(), logits;
    return ids.map((id) => {
      ({ logits, states } = net.step(id, states, keeps));
      return Array.from(logits);
    });
  },
  argmax({ data, ids, steps }) {
    const { net } = parts(data), made = [];
    let states = net.initialStates(), logits;
    for (const id of ids) ({ logits, states } = net.step(id, states));
    while (made.length < steps) {
      made.push(logits.indexOf(Math.max(...logits)));
      ({ logits, states } = net.step(made.at(-1), states));
    }
    return made;
  },
  compose,
  /** Pieces of the net, one for each seed, checked as in `compose`. */
  pieces: ({ seeds, ...job }) => seeds.map((seed) => compose({ ...job, seed })),
  /** Pieces by random logits: what the rules alone let through. */
  rules({ data, seed, pieces, length, tempo, metre, loud }) {
    const grammar = new Grammar({ ...data.alphabet, next: unpack(data.tables).next });
    const random = new Random(seed);
    return Array.from({ length: pieces }, () => {
      const rules = new GrammarRules(grammar, length, tempo, metre);
      const ids = [grammar.alphabet.bos];
      rules.begin(ids);
      while (!rules.done) {
        const logits = Float32Array.from({ length: grammar.size }, () => loud * random.next());
        const open = masked(logits, rules.allowed(), new Set());
        ids.push(rules.accept(choose(open, data.settings, random.next())));
      }
      grammar.stateAfter(ids);
      return ids;
    });
  },
  /** What may come next at every step of a piece. */
  allowed({ data, ids, length, tempo, metre }) {
    const grammar = new Grammar({ ...data.alphabet, next: unpack(data.tables).next });
    const rules = new GrammarRules(grammar, length, tempo, metre);
    rules.begin(ids.slice(0, 1));
    return ids.slice(1).map((token) => {
      const may = Array.from(rules.allowed()).flatMap((one, v) => one ? [v] : []);
      rules.accept(token);
      return may;
    });
  },
  /** A piece; the same, reopened; another after a cut; the first once more. */
  versions({ data, seed, other, at }) {
    const { grammar, net } = parts(data), composer = new Composer(net, grammar);
    const fixed = (ids) => ({ ids, seed: null, settings: null, length: null, count: null });
    const part = (from, count) => ({ ids: [], seed: from, settings: data.settings, count,
      length: { amount: 1000, unit: "notes" } });
    const run = (list) => {
      composer.open({ parts: list, tempo: 120, metre: [4, 4] });
      while (composer.work());
      return [...composer.ids];
    };
    const first = run([fixed([0]), part(seed, null)]);
    const again = run([fixed([0]), part(seed, null)]);
    const changed = run([fixed(first.slice(0, at)), part(other, null)]);
    return [first, again, changed, run([fixed([0]), part(seed, null)])];
  },
  statistics: ({ notes, ids }) =>
    statistics(notes, ids, [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]], 8),
  probabilities: ({ logits, sampling }) =>
    Array.from(probabilities(logits.map((v) => v ?? -Infinity), sampling)),
  random: ({ seed, count }) => {
    const random = new Random(seed);
    return Array.from({ length: count }, () => random.next());
  },
  cycles({ tokens, most, longest }) {
    const cycles = new Cycles(longest);
    return tokens.map((token) => {
      cycles.add(token);
      return [...cycles.forbidden(most)].sort((a, b) => a - b);
    });
  },
  decode({ data, ids }) {
    const decoder = new Decoder({ ...data.alphabet, next: unpack(data.tables).next });
    ids.forEach((id) => decoder.push(id));
    return { notes: decoder.notes, places: decoder.places };
  },
  encode: ({ data, notes }) => encode(notes, data.alphabet),
  /** Tokens per second that the net reads. */
  speed({ data, tokens }) {
    const { net } = parts(data);
    let states = net.initialStates(), logits;
    const run = (n) => { while (n--) ({ logits, states } = net.step(n % 100, states)); };
    run(50);
    const begin = performance.now();
    run(tokens);
    return 1000 * tokens / (performance.now() - begin) + 0 * logits[0];
  },
};

process.stdout.write(JSON.stringify(JOBS[job.job](job)));
