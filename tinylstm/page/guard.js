/* Runs first. Text never becomes markup or code here, whoever tries; the only addresses that become
   workers are of Blobs that the page made (the net's, and Tone's clock). */

window.trustedTypes?.createPolicy("default", {
  createScriptURL: (/** @type {string} */ address) => address.startsWith("blob:") ? address : null,
});
