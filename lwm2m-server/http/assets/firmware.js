// Firmware update of one device: a file goes up, progress comes back as events.

import { act, bytes, el, say } from "./dom.js";
import { api } from "./api.js";

/** What a firmware event says. */
export function progressText(data) {
  const amount = data.total > 0 && data.sent !== undefined ? `: ${bytes(data.sent)} of ${bytes(data.total)}` : "";
  return `${data.text ?? data.phase}${amount}`;
}

export class FirmwarePanel {
  constructor(endpoint, last) {
    this.endpoint = endpoint;
    this.file = el("input", { type: "file", id: "firmware-file", on: { change: () => this.chosen() } });
    this.button = el("button", {
      type: "button", class: "primary", text: "Update firmware", disabled: true,
      on: { click: () => act(this.button, () => this.start()) },
    });
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "Firmware update", hidden: true });
    this.text = el("p", { class: "firmware-text" });
    this.element = el("section", { class: "card firmware", "aria-labelledby": "firmware-title" },
      el("h3", { id: "firmware-title", text: "Firmware" }),
      el("div", { class: "firmware-controls" },
        el("label", { for: "firmware-file", class: "visually-hidden", text: "Firmware image" }), this.file, this.button),
      this.bar, this.text);
    if (last) this.event(last);
  }

  chosen() {
    this.button.disabled = this.file.files.length === 0;
  }

  async start() {
    const file = this.file.files[0];
    if (!file) return;
    await api.firmware(this.endpoint, file);
    say(`Sending ${file.name} (${bytes(file.size)}) to ${this.endpoint}.`);
  }

  /** `{phase, text, sent, total}`. */
  event(data) {
    const ended = ["failed", "finished"].includes(data.phase);
    if (ended && this.element.dataset.phase) {
      say(`${this.endpoint}: ${progressText(data)}.`, data.phase === "failed" ? "error" : "info");
    }
    this.element.dataset.phase = data.phase;
    this.bar.hidden = false;
    if (data.total > 0 && data.sent !== undefined) {
      this.bar.max = data.total;
      this.bar.value = data.sent;
    } else if (data.phase === "failed") {
      this.bar.hidden = true;
    } else if (data.phase === "finished") {
      this.bar.max = 1;
      this.bar.value = 1;
    } else {
      this.bar.removeAttribute("value");
    }
    this.text.textContent = progressText(data);
    this.button.disabled = this.file.files.length === 0 || !ended;
  }
}
