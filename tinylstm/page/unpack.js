/* Arrays from the text that net.py packs them into. */

/** @import { Arrays, Packed } from "./types" */

/** The numbers of IEEE half precision. @param {Uint16Array} halves */
export function fromFloat16(halves) {
  const values = Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  return Float32Array.from(halves, (bits) => values[bits]);
}

/** @param {Packed} packed @returns {Arrays} by name */
export function unpack({ index, text }) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const kinds = { float32: Float32Array, float16: Uint16Array, int16: Int16Array };
  return Object.fromEntries(index.map(({ name, type, start, size }) => {
    const numbers = new kinds[type](bytes.buffer, start, size);
    return [name, type === "float16" ? fromFloat16(/** @type {Uint16Array} */ (numbers)) : numbers];
  }));
}
