// The selected device: what is known of it, its objects, its firmware.

import { agoElement, el, refreshAgo, say } from "./dom.js";
import { api, ApiError } from "./api.js";
import { stateBadge } from "./devices.js";
import { FirmwarePanel } from "./firmware.js";
import { Instance } from "./instance.js";

const FIRMWARE_OBJECT = 5;
const SECURITY = {
  none: "none",
  psk: "DTLS, pre-shared key",
  certificate: "DTLS, certificate",
  "raw-public-key": "DTLS, raw public key",
};

export class DevicePanel {
  constructor(root) {
    this.root = root;
    this.device = null;
    this.instances = new Map();
    this.open(null);
  }

  open(endpoint) {
    if (endpoint !== null && endpoint === this.endpoint) return;
    this.endpoint = endpoint;
    this.device = null;
    this.instances.clear();
    this.firmware = null;
    this.abort?.abort();
    document.title = endpoint ? `${endpoint} – LwM2M` : "LwM2M devices";
    if (endpoint === null) {
      this.message("No device selected", "Choose one on the left to see its objects, read and write them, and update its firmware.");
      return;
    }
    this.root.replaceChildren(el("p", { class: "loading", text: "Loading…" }));
    this.load();
  }

  message(title, text) {
    this.root.replaceChildren(el("div", { class: "empty" }, el("strong", { text: title }), el("p", { text })));
  }

  /** Looks again at what is shown. */
  refresh() {
    if (this.endpoint !== null) this.load();
  }

  async load() {
    this.abort?.abort();
    this.abort = new AbortController();
    try {
      const device = await api.device(this.endpoint, this.abort.signal);
      if (this.device) this.update(device);
      else this.show(device);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (this.device) return; // what was known stays on the page; its state came as an event
      if (error instanceof ApiError && error.status === 404) {
        this.message("Not registered", `${this.endpoint} is not registered now. This page shows it as soon as it is.`);
      } else {
        this.message("The device cannot be shown", error.message);
      }
    }
  }

  show(device) {
    this.device = device;
    this.state = el("span");
    this.facts = el("dl", { class: "facts" });
    this.note = el("p", { class: "note", hidden: true });
    this.tree = el("div", { class: "tree" });
    if (device.objects.some((object) => object.id === FIRMWARE_OBJECT)) {
      this.firmware = new FirmwarePanel(this.endpoint, device.firmware);
    }
    this.root.replaceChildren(...[
      el("header", { class: "device-head" }, el("h2", { text: device.endpoint }), this.state),
      this.facts, this.note, this.firmware?.element,
      el("h3", { class: "tree-title", text: "Objects" }), this.tree,
    ].filter(Boolean));
    this.update(device);
  }

  /** Takes in what changed; open objects stay open. */
  update(device) {
    this.device = device;
    this.setState(device.state);
    const facts = [
      ["Version", `LwM2M ${device.version}`],
      ["Address", device.address],
      ["Security", SECURITY[device.security] ?? device.security],
      ["Lifetime", `${device.lifetime} s`],
      ["Queue mode", device.queueMode ? "yes, it may sleep" : null],
      ["Registered", agoElement(device.registeredAt)],
      ["Last seen", this.seen = agoElement(device.lastSeen)],
    ];
    this.facts.replaceChildren(...facts.filter(([, value]) => value)
      .map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", {}, value))));
    const observed = new Set(device.observations.filter((paths) => paths.length === 1).flat());
    const present = new Set();
    let previous = null;
    for (const object of device.objects) {
      for (const id of object.instances) {
        const path = `/${object.id}/${id}`;
        present.add(path);
        let instance = this.instances.get(path);
        if (!instance) {
          instance = new Instance(this.endpoint, object, id, () => this.wasSeen(Date.now() / 1000));
          this.instances.set(path, instance);
          if (previous) previous.element.after(instance.element);
          else this.tree.prepend(instance.element);
        }
        instance.observed(observed);
        previous = instance;
      }
    }
    for (const [path, instance] of this.instances) {
      if (present.has(path)) continue;
      instance.element.remove();
      this.instances.delete(path);
    }
    this.tree.dataset.empty = this.instances.size === 0;
  }

  setState(state) {
    this.device.state = state;
    this.state.replaceChildren(stateBadge(state));
    this.note.hidden = !["asleep", "expired", "deregistered"].includes(state);
    this.note.textContent = state === "asleep"
      ? "The device sleeps. What you ask waits until it wakes, or fails when that takes too long."
      : "The device is not registered any more. What you see is what was known last.";
    this.root.classList.toggle("is-gone", state === "expired" || state === "deregistered");
  }

  wasSeen(time) {
    this.seen.dataset.ago = Math.max(time, Number(this.seen.dataset.ago));
    refreshAgo();
  }

  event(event) {
    if (!this.endpoint || event.endpoint !== this.endpoint) return;
    if (!this.device) {
      if (event.kind === "registered") this.load();
      return;
    }
    if (!["firmware", "asleep", "expired"].includes(event.kind)) this.wasSeen(event.time);
    switch (event.kind) {
      case "registered":
        say(`${this.endpoint} has registered.`);
        this.load();
        break;
      case "updated":
        if (event.data?.changed) this.load();
        break;
      case "asleep":
        this.setState("asleep");
        break;
      case "awake":
        this.setState("registered");
        break;
      case "expired":
      case "deregistered":
        this.setState(event.kind);
        break;
      case "notification":
      case "sent":
        for (const entry of event.data?.entries ?? []) this.entry(entry, event.time);
        break;
      case "observed":
      case "cancelled":
        if (event.data?.paths?.length === 1) this.observed(event.data.paths[0], event.kind === "observed");
        break;
      case "firmware":
        this.firmware?.event(event.data);
        break;
    }
  }

  observed(path, yes) {
    const [, object, id] = path.split("/");
    this.instances.get(`/${object}/${id}`)?.observe(path, yes);
  }

  entry(entry, at) {
    const [, object, id] = entry.path.split("/");
    this.instances.get(`/${object}/${id}`)?.entry(entry, at);
  }
}
