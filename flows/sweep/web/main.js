// Joins the views: whatever changes, all of them follow.

const byId = (id) => document.getElementById(id);
const good = ALL.filter(isGood);

const scatter = new Scatter(byId("scatter"), select, setRange);
const parallel = new Parallel(byId("parallel"), setRange);
const table = new Table(byId("table-scroll"), select);

function select(i) {
  state.selected = i;
  scatter.mark();
  parallel.mark();
  table.fill();
  drawDetail(byId("detail"));
}

function setRange(column, range) {
  if (range) state.ranges.set(column.name, range);
  else state.ranges.delete(column.name);
  refresh();
}

/** Filter, and draw everything again. */
function refresh() {
  const understood = applyFilters();
  byId("query").setAttribute("aria-invalid", String(!understood));
  const shown = state.visible.length.toLocaleString("en");
  byId("matches").textContent = understood
    ? `${shown} of ${COUNT.toLocaleString("en")} points`
    : "not understood: write name<number, name=text or a part of a text";
  drawRanges();
  table.draw();
  redraw();
}

let due = 0;

/** Draw the canvases once before the next frame. */
function redraw() {
  cancelAnimationFrame(due);
  due = requestAnimationFrame(() => {
    scatter.draw();
    parallel.draw();
    drawLegend(byId("legend"));
  });
}

function drawRanges() {
  const chips = [...state.ranges].map(([name, range]) => {
    const column = BY_NAME.get(name);
    const ends = column.number
      ? range.map((v) => short(column, v))
      : [column.distinct[Math.ceil(range[0])], column.distinct[Math.floor(range[1])]];
    const text = `${column.label} ${ends.join(" – ")} ×`;
    const button = make("button", { type: "button", className: "chip" }, text);
    button.addEventListener("click", () => setRange(column, null));
    return button;
  });
  byId("ranges").replaceChildren(...chips);
}

/** Toggles for the settings that take a few values. */
function drawChips() {
  const few = (c) => c.setting && varies(c) && c.distinct.length <= 12;
  byId("chips").replaceChildren(...COLUMNS.filter(few).map((column) => {
    const group = make("fieldset", {}, make("legend", {}, column.label));
    for (const value of column.distinct) {
      const button = make("button", { type: "button", className: "chip" }, column.text(value));
      button.dataset.column = column.name;
      button.dataset.value = String(value);
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        const chosen = state.chosen.get(column.name) || new Set();
        state.chosen.set(column.name, chosen);
        const on = !chosen.has(String(value));
        chosen[on ? "add" : "delete"](String(value));
        button.setAttribute("aria-pressed", String(on));
        refresh();
      });
      group.append(button);
    }
    return group;
  }));
}

function fillSelect(id, columns, chosen, optional) {
  const options = columns.map((c) => make("option", { value: c.name }, c.heading));
  if (optional) options.unshift(make("option", { value: "" }, "none"));
  byId(id).replaceChildren(...options);
  byId(id).value = chosen ? chosen.name : "";
  state[id] = chosen || null;
  byId(id).addEventListener("change", () => {
    state[id] = BY_NAME.get(byId(id).value) || null;
    if (id === "x" || id === "y") chooseLog(id);
    redraw();
  });
}

/** Logarithmic where the values span more than a factor of five. */
function chooseLog(id) {
  const [low, high] = state[id].extent(good);
  const wide = state[id].number && low > 0 && high > 5 * low;
  state[`${id}log`] = wide;
  byId(`${id}log`).checked = wide;
  byId(`${id}log`).disabled = !(low > 0);
}

function setUp() {
  const first = (names) => names.map((n) => BY_NAME.get(n)).find((c) => c && varies(c));
  const figures = COLUMNS.filter((c) => c.number && (!c.hidden || c.smaller !== undefined) && varies(c));
  const area = BY_NAME.get("area_um2");
  const axes = figures.length ? figures : COLUMNS.filter((c) => c.number);
  if (!axes.length) axes.push(BY_NAME.get("point"));
  fillSelect("x", axes, axes.includes(area) ? area : axes[0]);
  fillSelect("y", axes, first(["interval_cycles", "accuracy", "critical_path_ns"]) || axes[0]);
  const told = COLUMNS.filter((c) => !c.hidden && c.name !== "point" && varies(c));
  fillSelect("colour", told, first(["weight_bits", "library", "arch"]), true);
  const few = told.filter((c) => c.distinct.length <= SHAPES.length && (!c.number || c.setting));
  const design = BY_NAME.get("design");
  fillSelect("shape", few, few.includes(design) ? design : first(["arch", "library"]), true);
  ["x", "y"].forEach(chooseLog);
  for (const id of ["xlog", "ylog"]) {
    byId(id).addEventListener("change", () => { state[id] = byId(id).checked; redraw(); });
  }
}

function listen() {
  byId("query").addEventListener("input", () => { state.query = byId("query").value; refresh(); });
  byId("only-best").addEventListener("change", () => {
    state.onlyBest = byId("only-best").checked;
    refresh();
  });
  byId("reset").addEventListener("click", () => {
    Object.assign(state, { query: "", chosen: new Map(), ranges: new Map(), onlyBest: false });
    byId("query").value = "";
    byId("only-best").checked = false;
    document.querySelectorAll("#chips .chip").forEach((c) => c.setAttribute("aria-pressed", "false"));
    refresh();
  });
  byId("download").addEventListener("click", () => {
    const content = new Blob([csvOf(table.order)], { type: "text/csv" });
    const link = make("a", { href: URL.createObjectURL(content), download: "points.csv" });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(redraw).observe(document.body);
}

function drawSummary() {
  const failed = COUNT - good.length;
  const best = DATA.best.filter(Boolean).length;
  const parts = [`${COUNT.toLocaleString("en")} points`, `${best} the best of their library`];
  if (failed) parts.push(`${failed.toLocaleString("en")} failed`);
  const verified = BY_NAME.get("verified");
  const proven = verified ? ALL.filter((i) => verified.value(i) === "True").length : 0;
  if (proven) parts.push(`${proven.toLocaleString("en")} simulated against the golden model`);
  byId("summary").textContent = parts.join(", ");
}

setUp();
drawChips();
listen();
drawSummary();
drawProvenance(byId("provenance"));
refresh();
select(DATA.best.indexOf(true) >= 0 ? DATA.best.indexOf(true) : COUNT ? 0 : null);
requestAnimationFrame(() => requestAnimationFrame(() => {
  document.documentElement.dataset.ready = "yes";
}));
