/* NumPy's default_rng(seed).random(), bit for bit, so that a seed means here what it means to
   `tinylstm compose --seed`. M. O'Neill, "PCG", 2014 (PCG64, XSL-RR); the seed is spread as NumPy's
   SeedSequence does (after M. O'Neill, "Developing a seed_seq alternative", 2015). */

const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const LOW128 = (1n << 128n) - 1n, LOW64 = (1n << 64n) - 1n;

/** One word into another, with a constant that changes at each use.
 * @param {number} constant @param {number} multiplier */
function hasher(constant, multiplier) {
  return (/** @type {number} */ value) => {
    value ^= constant;
    constant = Math.imul(constant, multiplier);
    value = Math.imul(value, constant);
    return (value ^ (value >>> 16)) >>> 0;
  };
}

/** @param {number} x @param {number} y */
function mix(x, y) {
  const value = Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y);
  return (value ^ (value >>> 16)) >>> 0;
}

/** Four 64-bit numbers from a seed. @param {number} seed */
function spread(seed) {
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool = [seed >>> 0, Math.floor(seed / 2 ** 32), 0, 0].map(hash);
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  }
  const out = hasher(0x8b51f9dd, 0x58f38ded);
  const words = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => BigInt(out(pool[k % 4])));
  return [0, 2, 4, 6].map((k) => words[k] | (words[k + 1] << 32n));
}

export class Random {
  /** @param {number} seed a whole number from 0 to 2^53 */
  constructor(seed) {
    const [high, low, streamHigh, streamLow] = spread(seed);
    this.increment = ((((streamHigh << 64n) | streamLow) << 1n) | 1n) & LOW128;
    this.state = 0n;
    this.advance();
    this.state = (this.state + ((high << 64n) | low)) & LOW128;
    this.advance();
  }

  advance() {
    this.state = (this.state * MULTIPLIER + this.increment) & LOW128;
  }

  /** The next number in [0, 1). */
  next() {
    this.advance();
    const folded = (this.state >> 64n) ^ (this.state & LOW64), turn = this.state >> 122n;
    const bits = ((folded >> turn) | (folded << (64n - turn))) & LOW64;
    return Number(bits >> 11n) / 2 ** 53;
  }
}
