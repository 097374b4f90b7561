// The list of devices: one page at a time, so that a fleet of any size fits.

import { agoElement, byId, el } from "./dom.js";
import { api } from "./api.js";

const PAGE = 50;
const STATES = {
  registered: "Registered",
  asleep: "Asleep",
  expired: "Expired",
  deregistered: "De-registered",
};

export function stateBadge(state) {
  return el("span", { class: "state", "data-state": state, text: STATES[state] ?? state });
}

export class DeviceList {
  /** `select(endpoint)` is called when somebody picks a device. */
  constructor(select) {
    this.select = select;
    this.offset = 0;
    this.filter = "";
    this.selected = null;
    this.rows = new Map();
    this.total = 0;
    byId("filter-form").addEventListener("submit", (event) => event.preventDefault());
    byId("filter").addEventListener("input", (event) => {
      this.filter = event.target.value.trim();
      this.offset = 0;
      this.reloadSoon(150);
    });
    byId("previous").addEventListener("click", () => this.turn(-PAGE));
    byId("next").addEventListener("click", () => this.turn(PAGE));
    byId("device-list").addEventListener("keydown", (event) => this.arrow(event));
  }

  turn(by) {
    this.offset = Math.max(0, this.offset + by);
    this.reload();
  }

  /** Up and down move between the devices, as in any list. */
  arrow(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    const buttons = [...byId("device-list").querySelectorAll("button")];
    const next = buttons[buttons.indexOf(document.activeElement) + by];
    if (next) {
      next.focus();
      event.preventDefault();
    }
  }

  /** Many events ask for one look; the first of them sets the time. */
  reloadSoon(after = 700) {
    if (this.timer && after >= 700) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.reload();
    }, after);
  }

  async reload() {
    this.abort?.abort();
    this.abort = new AbortController();
    try {
      const page = await api.devices(this.offset, PAGE, this.filter, this.abort.signal);
      if (page.devices.length === 0 && page.total > 0 && this.offset > 0) {
        this.offset = Math.floor((page.total - 1) / PAGE) * PAGE;
        return this.reload();
      }
      this.show(page);
    } catch (error) {
      if (error.name === "AbortError") return;
      byId("summary").textContent = "The list of devices cannot be read.";
      if (this.rows.size === 0) this.placeholder("No answer", error.message);
    }
  }

  show(page) {
    this.total = page.total;
    const gone = this.filter ? [] : page.gone ?? [];
    const more = page.truncated ? ", of those looked at" : "";
    const counted = page.total === 1 ? "1 device" : `${page.total.toLocaleString()} devices`;
    byId("summary").textContent = this.filter ? `${counted} match${more}` : `${counted} registered`;
    const list = byId("device-list");
    const focused = document.activeElement?.dataset?.endpoint;
    this.rows.clear();
    list.replaceChildren();
    if (page.devices.length === 0 && gone.length === 0) {
      if (this.filter) this.placeholder("No match", "No registered device has this in its name.");
      else this.placeholder("No device yet", "Devices appear here the moment they register.");
    }
    for (const device of page.devices) list.append(this.row(device));
    if (gone.length > 0 && this.offset + PAGE >= page.total) {
      list.append(el("li", { class: "list-heading", text: "Gone lately" }));
      for (const device of gone) list.append(this.row(device));
    }
    this.rows.get(focused)?.button.focus({ preventScroll: true });
    const paged = page.total > PAGE;
    byId("pager").hidden = !paged;
    if (paged) {
      const last = Math.min(this.offset + PAGE, page.total);
      byId("page-of").textContent =
        `${(this.offset + 1).toLocaleString()}–${last.toLocaleString()} of ${page.total.toLocaleString()}`;
      byId("previous").disabled = this.offset === 0;
      byId("next").disabled = last >= page.total;
    }
  }

  placeholder(title, text) {
    byId("device-list").replaceChildren(
      el("li", { class: "empty" }, el("strong", { text: title }), el("p", { text })));
  }

  row(device) {
    const seen = agoElement(device.lastSeen);
    const button = el("button", {
      type: "button",
      class: "device-row",
      "data-endpoint": device.endpoint,
      "aria-current": device.endpoint === this.selected ? "true" : null,
      on: { click: () => this.select(device.endpoint) },
    },
      el("span", { class: "device-name", text: device.endpoint, title: device.endpoint }),
      el("span", { class: "device-seen" }, seen),
      el("span", { class: "device-facts" }, stateBadge(device.state),
        device.version ? el("span", { text: `LwM2M ${device.version}` }) : null,
        device.address ? el("span", { class: "address", text: device.address }) : null));
    this.rows.set(device.endpoint, { button, seen });
    return el("li", {}, button);
  }

  mark(endpoint) {
    this.rows.get(this.selected)?.button.removeAttribute("aria-current");
    this.selected = endpoint;
    this.rows.get(endpoint)?.button.setAttribute("aria-current", "true");
  }

  /** Takes an event in: most only say that a device was seen, the others change the list. */
  event(event) {
    switch (event.kind) {
      case "registered":
      case "deregistered":
      case "expired":
      case "asleep":
      case "awake":
        return this.reloadSoon();
      default: {
        const row = this.rows.get(event.endpoint);
        if (row && ["updated", "notification", "sent"].includes(event.kind)) row.seen.dataset.ago = event.time;
      }
    }
  }
}
