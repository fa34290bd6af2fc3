// One design: its settings, its figures, where its area goes, its files.

const TIP = ["area_um2", "interval_cycles", "accuracy", "energy_pj", "critical_path_ns"];

/** Settings and figures of point i as a list; short for the hover. */
function facts(i, brief) {
  const list = make("dl");
  for (const column of COLUMNS) {
    if (column.derived || column.hidden || column.name === "point") continue;
    const value = column.value(i);
    if (value === null || value === "False") continue;
    const told = column.setting || TIP.includes(column.name) || column.name === "weight_bits";
    if (brief && !told) continue;
    list.append(make("dt", {}, column.label), make("dd", {}, column.full(value)));
  }
  const files = DATA.files[i];
  if (brief && files.length) {
    const names = files.map((file) => file.split("/").pop()).join(", ");
    list.append(make("dt", {}, "files"), make("dd", {}, names));
  }
  return list;
}

/** Bars for the modules of point i, the largest first. */
function areaSplit(i) {
  const flat = DATA.areas.splits[i];
  const parts = [];
  for (let k = 0; k < flat.length; k += 2) parts.push([DATA.areas.modules[flat[k]], flat[k + 1]]);
  parts.sort((a, b) => b[1] - a[1]);
  const total = parts.reduce((sum, [, area]) => sum + area, 0);
  const box = make("div", { className: "split" });
  for (const [name, area] of parts) {
    const bar = make("i");
    bar.style.width = `${Math.max(1, (100 * area) / parts[0][1])}%`;
    const share = `${((100 * area) / total).toFixed(1)} %`;
    const figure = area.toLocaleString("en", { maximumFractionDigits: 0 });
    box.append(make("span", {}, name), bar, make("b", { title: `${figure} µm²` }, share));
  }
  return box;
}

function drawDetail(box) {
  const i = state.selected;
  if (i === null) {
    box.replaceChildren(make("h2", {}, "No design selected"));
    return;
  }
  const kind = BY_NAME.get("design") || BY_NAME.get("point");
  const parts = [make("h2", {}, kind.value(i))];
  if (!isGood(i)) parts.push(make("p", { className: "error" }, BY_NAME.get("error").value(i) || ""));
  if (DATA.areas.splits[i].length) {
    parts.push(make("h3", {}, "Where the area goes"), areaSplit(i));
  }
  parts.push(make("h3", {}, "Settings and figures"), facts(i, false));
  if (DATA.files[i].length) {
    parts.push(make("h3", {}, "Files"));
    for (const file of DATA.files[i]) {
      const link = make("a", {}, file.split("/").pop());
      link.setAttribute("href", file.split("/").map(encodeURIComponent).join("/"));
      parts.push(make("div", {}, link));
    }
  }
  box.replaceChildren(...parts);
}

/** What the results were made with. */
function drawProvenance(box) {
  const runs = DATA.about.runs || [];
  const parts = [make("h2", {}, "How these results were made")];
  const run = runs[runs.length - 1];
  if (run) {
    const took = (run.finished || run.started) - run.started;
    const versions = Object.entries(run.versions || {}).map(([n, v]) => `${n} ${v}`);
    const tools = [...(BY_NAME.get("tool")?.distinct || []), ...(BY_NAME.get("simulator")?.distinct || [])];
    const host = run.host || {};
    const facts = [
      ["sweep", run.sweep],
      ["last run", `${new Date(1000 * run.started).toISOString().slice(0, 19)}Z, ${took.toFixed(1)} s; ${runs.length} in all`],
      ["tools", [...tools, ...versions].join(", ")],
      ["git", run.git],
      ["code", run.code],
      ["host", `${host.system}, ${host.cores} cores, ${host.memory_gib} GiB`],
      ["libraries", corners()],
    ];
    const rows = facts.filter(([, text]) => text);
    const row = ([name, text]) => make("tr", {}, make("th", {}, name), make("td", {}, text));
    parts.push(make("table", {}, make("tbody", {}, ...rows.map(row))));
  }
  if (DATA.estimator) {
    const { points, median_error: half, p90_error: most } = DATA.estimator;
    const percent = (share) => `${(100 * share).toFixed(1)} %`;
    parts.push(make("p", {}, `Area before synthesis, estimated from ${points} points: half of them `
      + `are predicted by the others within ${percent(half)}, nine of ten within ${percent(most)}.`));
  }
  if (DATA.about.settings) {
    const text = make("pre", {}, DATA.about.settings);
    parts.push(make("details", {}, make("summary", {}, "Sweep file"), text));
  }
  box.replaceChildren(...parts);
}

function corners() {
  const [library, corner] = [BY_NAME.get("library"), BY_NAME.get("corner")];
  if (!library || !corner) return "";
  const pairs = ALL.filter(isGood).map((i) => `${library.value(i)} (${corner.value(i)})`);
  return [...new Set(pairs)].join(", ");
}
