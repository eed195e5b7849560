/* The shapes of what the page's files hand to each other. For the type checker only. */

export type Kind =
  "BOS" | "EOS" | "TimeShift" | "Duration" | "Pitch" | "Velocity" | "Family" | "Drum";
/** Onset, duration (quarter notes), pitch, velocity, program. */
export type Note = [number, number, number, number, number];

// From net.py
export interface Layer {
  type: string; name: string; units: number; blocks: number; activation: string; embedding: string;
}
export interface Packed {
  index: { name: string; type: "float32" | "float16" | "int16"; start: number; size: number }[];
  text: string;  // base64
}
export type Arrays = Record<string, any>;  // Float32Array of weights, Int16Array of tables
export interface Alphabet {
  kinds: Kind[]; values: number[]; names: string[]; said: string[];
  next: Int16Array; bos: number; eos: number; anywhere: number;
  grid: number; bar: number; longest: number;
  loudness: { default: number; levels: number[] };
  limits: { free: number; tokens: number; densest: number; longest: number; cycle: number };
  profiles: { major: number[]; minor: number[] };
}
export interface Instrument {
  layers: Layer[]; alphabet: Alphabet; settings: Settings; tempo: number; digest: string;
  scales: { major: number[]; minor: number[] }; profiles: { major: number[]; minor: number[] };
}

// The net
export interface Memory { h: Float32Array; c: Float32Array; gates: Float32Array }
export type Keep = Float32Array | null;

// Composing
export interface Sampling {
  temperature: number; topK: number; topP: number; minP: number; maxRepeat: number;
}
/** `Control` of control.py; 0 is off. A link of an older page has none of them. */
export interface Control { recall: number; rhythm: number; silence: number; cadence: number }
/** A gate that is shut: of one unit, or of all (null); null for all four gates. */
export interface Cut { layer: string; unit: number | null; gate: "i" | "f" | "g" | "o" | null }
export interface Settings extends Sampling, Control { key: number[] | null; cuts: Cut[] }
export interface Length { amount: number; unit: "notes" | "bars" | "seconds" | "quarters" | "free" }
/** Given tokens (seed null), or composed ones: `count` of them, or until the rules end it (null). */
export interface Part {
  ids: number[]; seed: number | null; settings: Settings | null; length: Length | null;
  count: number | null;
}
export interface Plan { parts: Part[]; tempo: number; metre: number[] }
export interface Question {
  place: number; settings: Settings; intact: Settings | null; layer: number; unit: number;
}

// The page
export interface Figure {
  name: string; label: string; unit: string;
  low: number | null; median: number | null; high: number | null;
}
export interface Take {
  label: string; about: string; tempo: number; metre: number[]; notes: Note[]; primed: number;
  inside: { name: string; layer: string; unit: number; remembers: string;
    i: number[]; f: number[]; g: number[]; o: number[]; c: number[] }[];
  figures: Record<string, number>; source: string; ids: number[];
}
