import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["*.min.js", "node_modules"] },
  js.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, Tone: "readonly", Midi: "readonly" } },
    rules: {
      "eqeqeq": "error", "no-var": "error", "prefer-const": ["error", { destructuring: "all" }],
      "no-eval": "error", "no-implied-eval": "error", "max-len": ["error", { code: 100 }],
      "no-restricted-properties": ["error",  // names are text, never markup
        { property: "innerHTML" }, { property: "outerHTML" }, { property: "insertAdjacentHTML" }],
      "no-unused-vars": ["error", { varsIgnorePattern: "^_" }],
    },
  },
];
