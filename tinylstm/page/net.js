/* The third twin: the forward pass of functional.py and recurrent.py, one token at a time.

   One sequence, one step: an array (B, D) of functional.py is (D,) here. Sizes and names are the
   same: D inputs, H units, V classes; gates i f g o side by side in z (4H,); Wx (D, 4H),
   Wh (H, 4H), b (4H,), row after row. Sums are made in float64, states are kept in float32. net.py
   writes the layers and the weights. Next: sampler.js. */

/** @import { Arrays, Layer, Keep, Memory } from "./types" */

/** @param {number} x */
export function sigmoid(x) {
  return 0.5 + 0.5 * Math.tanh(0.5 * x);
}

/** z (N,) += x (D,) W (D, N). Eight rows of W at a time, so that z is read and written less often.
 * @param {Float64Array} z @param {Float32Array} x @param {Float32Array} W */
export function add_product(z, x, W) {
  const N = z.length, D = x.length;
  let d = 0;
  for (; d + 8 <= D; d += 8) {
    const [a, b, c, e] = [x[d], x[d + 1], x[d + 2], x[d + 3]];
    const [f, g, h, k] = [x[d + 4], x[d + 5], x[d + 6], x[d + 7]];
    for (let n = 0, m = d * N; n < N; n++, m++) {
      z[n] += a * W[m] + b * W[m + N] + c * W[m + 2 * N] + e * W[m + 3 * N]
        + f * W[m + 4 * N] + g * W[m + 5 * N] + h * W[m + 6 * N] + k * W[m + 7 * N];
    }
  }
  for (; d < D; d++) for (let n = 0, m = d * N; n < N; n++, m++) z[n] += x[d] * W[m];
}

/** Logits (V,) from the embedding's own table (V, D), as TiedDense: y = x table^T + b.
 * @param {Float32Array} x @param {Float32Array} table @param {Float32Array} b */
export function tied_logits(x, table, b) {
  const D = x.length;
  return b.map((bias, v) => {
    let y = bias;
    for (let d = 0, m = v * D; d < D; d++, m++) y += x[d] * table[m];
    return y;
  });
}

/** zx (4H,) = x Wx + b: the input's part of the pre-activation.
 * @param {Float32Array} x @param {Float32Array} Wx @param {Float32Array} b */
export function input_part(x, Wx, b) {
  const zx = Float64Array.from(b);
  add_product(zx, x, Wx);
  return zx;
}

/** One step of the LSTM. keep (4H,) multiplies the gates: 1 leaves a gate as it is, 0 shuts it.
 * @param {Float64Array} zx @param {Memory} before @param {Float32Array} Wh @param {Keep} keep
 * @returns {Memory} h (H,), c (H,) and the gates (4H,) */
export function lstm_cell_forward(zx, before, Wh, keep) {
  const H = before.h.length, z = zx.slice();
  const h = new Float32Array(H), c = new Float32Array(H), gates = new Float32Array(4 * H);
  add_product(z, before.h, Wh);  // z = x Wx + h_prev Wh + b
  for (let n = 0; n < 4 * H; n++) {
    const gate = n >= 2 * H && n < 3 * H ? Math.tanh(z[n]) : sigmoid(z[n]);
    gates[n] = keep ? keep[n] * gate : gate;
  }
  for (let u = 0; u < H; u++) {
    const [i, f, g, o] = [gates[u], gates[H + u], gates[2 * H + u], gates[3 * H + u]];
    c[u] = f * before.c[u] + i * g;
    h[u] = o * Math.tanh(c[u]);
  }
  return { h, c, gates };
}

/** One step of the GRU: gates r u n (3H,). It has no cell; c is h.
 * @param {Float64Array} zx @param {Memory} before @param {Float32Array} Wh @param {Float32Array} bh
 * @returns {Memory} */
export function gru_cell_forward(zx, before, Wh, bh) {
  const H = before.h.length, a = Float64Array.from(bh);
  const h = new Float32Array(H), gates = new Float32Array(3 * H);
  add_product(a, before.h, Wh);  // a = h_prev Wh + bh
  for (let k = 0; k < H; k++) {
    const r = sigmoid(zx[k] + a[k]), u = sigmoid(zx[H + k] + a[H + k]);
    const n = Math.tanh(zx[2 * H + k] + r * a[2 * H + k]);
    h[k] = (1 - u) * n + u * before.h[k];
    [gates[k], gates[H + k], gates[2 * H + k]] = [r, u, n];
  }
  return { h, c: h, gates };
}

/** @param {Float64Array} zx @param {Memory} before @param {Float32Array} Wh @returns {Memory} */
export function simple_rnn_cell_forward(zx, before, Wh) {
  const z = zx.slice();
  add_product(z, before.h, Wh);
  const h = Float32Array.from(z, Math.tanh);  // h = tanh(zx + h_prev Wh)
  return { h, c: h, gates: new Float32Array(0) };
}

/** @type {Record<string, (z: Float32Array) => Float32Array>} */
const ACTIVATIONS = {
  none: (z) => z,
  relu: (z) => z.map((v) => Math.max(v, 0)),
  tanh: (z) => z.map(Math.tanh),
  sigmoid: (z) => z.map(sigmoid),
};

export class Net {
  /** @param {Layer[]} layers @param {Arrays} weights by path, such as "lstm_1.Wh" */
  constructor(layers, weights) {
    this.layers = layers;
    this.weights = weights;
    this.ofToken = /** @type {Map<number, Float64Array>} */ (new Map());  // zx of the first layer
  }

  /** Each layer's state at the beginning; null for layers without one.
   * @returns {(Memory | null)[]} */
  initialStates() {
    return this.layers.map(({ type, units: H, blocks }) =>
      ["LSTM", "GRU", "SimpleRNN"].includes(type)
        ? { h: new Float32Array(H), c: new Float32Array(H), gates: new Float32Array(blocks * H) }
        : null);
  }

  /** Read a token. `states` stay as they are. keeps: one for each layer whose gates are shut.
   * @param {number} id @param {(Memory | null)[]} states @param {Keep[]} keeps
   * @returns {{ logits: Float32Array, states: (Memory | null)[] }} */
  step(id, states, keeps = []) {
    let x = /** @type {Float32Array} */ (new Float32Array(0));
    const after = this.layers.map((layer, k) => {
      const { type, name, units: V } = layer, before = states[k];
      const w = (/** @type {string} */ param) => this.weights[`${name}.${param}`];
      if (type === "Embedding") x = w("table").slice(id * V, (id + 1) * V);
      else if (type === "OneHot") (x = new Float32Array(V))[id] = 1;
      else if (type === "ScaledInteger") x = Float32Array.of(id / V);
      else if (type === "Dense") x = ACTIVATIONS[layer.activation](
        Float32Array.from(input_part(x, w("W"), w("b"))));
      else if (type === "TiedDense") {
        x = tied_logits(x, this.weights[`${layer.embedding}.table`], w("b"));
      }
      if (!before) return null;
      const zx = k === 1 && this.ofToken.get(id) || input_part(x, w("Wx"), w("b"));
      if (k === 1) this.ofToken.set(id, zx);  // the first layer's zx depends on the token alone
      const memory = type === "LSTM" ? lstm_cell_forward(zx, before, w("Wh"), keeps[k] ?? null)
        : type === "GRU" ? gru_cell_forward(zx, before, w("Wh"), w("bh"))
          : simple_rnn_cell_forward(zx, before, w("Wh"));
      x = memory.h;
      return memory;
    });
    return { logits: x, states: after };
  }
}
