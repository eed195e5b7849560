/* The page's elements. Text goes in as text: nothing here, or anywhere, turns text into markup. */

/** @param {string} id @returns {any} the element; any, for it may be an input, a canvas, ... */
export const $ = (id) => document.getElementById(id);

const colours = /** @type {Map<string, string>} */ (new Map());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => colours.clear());

/** @param {string} name of a colour in page.css */
export function css(name) {
  if (!colours.has(name)) {
    const style = getComputedStyle(document.documentElement);
    colours.set(name, style.getPropertyValue(name).trim());
  }
  return colours.get(name) ?? "";
}

/** @param {string} tag @param {Record<string, any>} properties @param {(Node | string)[]} children
 * @returns {any} */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** @param {string} tag @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, `${value}`);
  element.append(...children);
  return element;
}

/** Tell everybody, screen readers too, what is going on. @param {string} text */
export function say(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}

/** A canvas of this size in CSS pixels, sharp on any screen, cleared.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height
 * @returns {CanvasRenderingContext2D} */
export function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    [canvas.width, canvas.height] = [w, h];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
  }
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

const soon = new Map();

/** Call `work` once, at most every `wait` milliseconds.
 * @param {() => void} work @param {number} wait */
export function later(work, wait) {
  if (soon.has(work)) return;
  soon.set(work, setTimeout(() => {
    soon.delete(work);
    work();
  }, wait));
}
