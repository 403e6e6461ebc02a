// What the browser must remember: in our own storage or, where that is denied to frames, with the page around us.

const HELLO_MS = 3000;

/** `hello` resolves to what the page around us has kept; `keep(key, value)` asks it to keep more. */
export function openStore({ channel, framed, hello, keep }) {
  const prefix = `isflow:${channel}:`;
  try {
    localStorage.setItem(`${prefix}probe`, "1");
    localStorage.removeItem(`${prefix}probe`);
    return {
      ready: Promise.resolve(),
      get: (key) => localStorage.getItem(prefix + key),
      set: (key, value) => localStorage.setItem(prefix + key, value),
      remove: (key) => localStorage.removeItem(prefix + key),
    };
  } catch {
    return borrowedStore({ framed, hello, keep });
  }
}

function borrowedStore({ framed, hello, keep }) {
  const kept = new Map();
  const patience = new Promise((resolve) => setTimeout(resolve, framed ? HELLO_MS : 0, {}));
  return {
    ready: Promise.race([hello, patience]).then((given) => {
      for (const [key, value] of Object.entries(given)) {
        if (typeof value === "string" && !kept.has(key)) kept.set(key, value);
      }
    }),
    get: (key) => kept.get(key) ?? null,
    set(key, value) {
      kept.set(key, value);
      keep(key, value);
    },
    remove(key) {
      kept.delete(key);
      keep(key, null);
    },
  };
}
