// The table: every visible point, sorted by any column; only rows in sight are in the page.

const ROW = 27;

class Table {
  constructor(scroll, onSelect) {
    this.scroll = scroll;
    this.head = scroll.querySelector("thead tr");
    this.body = scroll.querySelector("tbody");
    this.onSelect = onSelect;
    const shown = (c) => !c.hidden && !c.derived && c.name !== "point" && c.distinct.length;
    const told = COLUMNS.filter(shown);
    const figures = told.filter((c) => !c.setting && c.smaller !== undefined);
    const settings = told.filter((c) => c.setting && (varies(c) || c.name === "network"));
    const rest = told.filter((c) => !c.setting && c.smaller === undefined && varies(c));
    const failures = COLUMNS.filter((c) => c.name === "error" && c.distinct.length);
    this.columns = [...settings, ...figures, ...rest, ...failures];
    this.head.replaceChildren(...this.columns.map((column) => this.heading(column)));
    scroll.addEventListener("scroll", () => this.fill(), { passive: true });
    this.order = [];
  }

  heading(column) {
    const button = make("button", { type: "button" }, column.heading);
    const cell = make("th", { scope: "col", className: column.number ? "number" : "" }, button);
    button.addEventListener("click", () => {
      const { name, down } = state.sort;
      state.sort = { name: column.name, down: name === column.name ? !down : false };
      this.draw();
    });
    return cell;
  }

  draw() {
    const { name, down } = state.sort;
    this.columns.forEach((column, k) => {
      const cell = this.head.children[k];
      const sorted = column.name === name;
      cell.setAttribute("aria-sort", sorted ? (down ? "descending" : "ascending") : "none");
      const arrow = sorted ? (down ? " ↓" : " ↑") : "";
      cell.firstChild.textContent = column.heading + arrow;
    });
    this.order = [...state.visible];
    const column = BY_NAME.get(name);
    if (column) this.order.sort((a, b) => this.compare(column, a, b) * (down ? -1 : 1) || a - b);
    this.scroll.scrollTop = 0;
    this.fill();
  }

  /** Missing values come last when rising. */
  compare(column, a, b) {
    const [p, q] = [column.place(a) ?? Infinity, column.place(b) ?? Infinity];
    return p === q ? 0 : p < q ? -1 : 1;
  }

  fill() {
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / ROW) - 10);
    const last = Math.min(this.order.length, first + Math.ceil(this.scroll.clientHeight / ROW) + 20);
    const rows = this.order.slice(first, last).map((i) => this.row(i));
    this.body.replaceChildren(
      this.spacer(first), ...rows, this.spacer(this.order.length - last),
    );
  }

  spacer(rows) {
    const cell = make("td", { colSpan: this.columns.length });
    cell.style.height = `${rows * ROW}px`;
    const row = make("tr", { className: "spacer", hidden: rows === 0 }, cell);
    row.setAttribute("aria-hidden", "true");
    return row;
  }

  row(i) {
    const cells = this.columns.map((column) => {
      const text = column.text(column.value(i));
      return make("td", { className: column.number ? "number" : "", title: text }, text);
    });
    const row = make("tr", { className: isGood(i) ? "" : "failed", tabIndex: 0 }, ...cells);
    row.dataset.index = i;
    row.setAttribute("aria-selected", String(i === state.selected));
    row.addEventListener("click", () => this.onSelect(i));
    row.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.onSelect(i);
    });
    return row;
  }
}

/** The visible rows, in their order, as CSV with every column. */
function csvOf(order) {
  const columns = COLUMNS.filter((column) => !column.derived);
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [columns.map((column) => cell(column.name))];
  for (const i of order) lines.push(columns.map((column) => cell(column.value(i))));
  return `${lines.map((parts) => parts.join(",")).join("\n")}\n`;
}
