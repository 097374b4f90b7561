// The tour: what each device of the evaluation server has been through, a column for each.

import { byId, el } from "./dom.js";

const MARKS = { running: "…", passed: "✓", failed: "✗" };

export class Tour {
  constructor() {
    this.steps = new Map();
    this.columns = new Map();
  }

  /** `{device, step, state: running | passed | failed, detail}`; a step is told again when its state changes. */
  event(event) {
    const { device = "tour", step, state = "passed", detail } = event.data ?? {};
    if (typeof step !== "string") return;
    byId("tour").hidden = false;
    const key = JSON.stringify([device, step]);
    let row = this.steps.get(key);
    if (!row) {
      if (this.steps.size >= 500) return;
      row = el("li", {}, el("span", { class: "mark", "aria-hidden": "true" }), el("span", { class: "step" }),
        el("span", { class: "step-detail" }));
      this.steps.set(key, row);
      this.column(device).append(row);
    }
    row.dataset.state = state;
    const [mark, text, more] = row.children;
    mark.textContent = MARKS[state] ?? "·";
    text.textContent = step;
    more.textContent = detail ?? "";
    row.setAttribute("aria-label", `${step}: ${state}${detail ? `, ${detail}` : ""}`);
    const count = { passed: 0, failed: 0, running: 0 };
    for (const { dataset } of this.steps.values()) count[dataset.state] = (count[dataset.state] ?? 0) + 1;
    byId("tour-count").textContent = `${count.passed} passed, ${count.failed} failed`;
    byId("tour").dataset.failed = count.failed > 0;
    byId("tour-now").textContent = count.running > 0 || state === "failed"
      ? `${device}: ${step}${detail ? ` – ${detail}` : ""}` : "";
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
