// Faults on command: `FAULTS=missing_index,n_plus_one` plants mistakes as they are found in the wild, none is the healthy service.

const FAULTS = [
  "missing_index",
  "n_plus_one",
  "row_lock",
  "connection_held",
  "memory_leak",
  "no_ttl",
  "small_pool",
  "blocking_call",
];

const planted = new Set((process.env.FAULTS ?? "").split(",").filter(Boolean));

for (const name of planted) {
  if (!FAULTS.includes(name)) {
    console.error(`there is no fault ${name}; there are ${FAULTS.join(", ")}`);
    process.exit(2);
  }
}

module.exports = { isOn: (name) => planted.has(name) };
