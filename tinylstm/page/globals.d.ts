declare const Tone: any;
declare const Midi: any;
interface Window { tinylstm: any; trustedTypes?: any }
interface Array<T> { toSorted(compare?: (a: T, b: T) => number): T[] }
