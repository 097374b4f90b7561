// The tour: what each device of the evaluation server has been through, a column for each.

import { byId, el } from "./dom.js";

const MAX_STEPS = 500;
const LIVE = 5;
const MARKS = { running: "…", passed: "✓", failed: "✗" };

export class Tour {
  constructor() {
    this.rows = new Map();
    this.count = { passed: 0, failed: 0 };
    this.columns = new Map();
  }

  /** `{step, state, detail}`: a `running` step stays until it is told again as `passed` or `failed`. */
  event(event) {
    const { step, state, detail: text } = event.data ?? {};
    const device = event.endpoint ?? "tour";
    if (typeof step !== "string" || !Object.hasOwn(MARKS, state)) return;
    if (byId("tour").hidden) {
      byId("tour").hidden = false;
      // Who is there while it runs wants to see it; who comes later finds it folded.
      byId("tour").open = Date.now() / 1000 - event.time < LIVE;
    }
    const key = JSON.stringify([device, step]);
    let row = this.rows.get(key);
    if (row?.dataset.state !== "running") {
      if (this.count.passed + this.count.failed >= MAX_STEPS) return;
      row = el("li", {}, el("span", { class: "mark", "aria-hidden": "true" }),
        el("span", { class: "step" }), el("span", { class: "step-detail" }));
      this.rows.set(key, row);
      const columns = byId("tour-columns");
      const atEnd = columns.scrollHeight - columns.scrollTop - columns.clientHeight < 40;
      this.column(device).append(row);
      if (atEnd) columns.scrollTop = columns.scrollHeight;
    }
    row.dataset.state = state;
    const [mark, name, detail] = row.children;
    mark.textContent = MARKS[state];
    name.textContent = step;
    detail.textContent = text ?? "";
    detail.title = text ?? "";
    row.setAttribute("aria-label", `${step}: ${state}${text ? `, ${text}` : ""}`);
    if (state !== "running") this.count[state] += 1;
    byId("tour-count").textContent = `${this.count.passed} passed, ${this.count.failed} failed`;
    byId("tour").dataset.failed = this.count.failed > 0;
    byId("tour-now").textContent = `${device}: ${step}${text ? ` – ${text}` : ""}`;
  }

  column(device) {
    let list = this.columns.get(device);
    if (!list) {
      list = el("ol");
      this.columns.set(device, list);
      byId("tour-columns").append(el("section", {}, el("h3", { text: device }), list));
    }
    return list;
  }
}
