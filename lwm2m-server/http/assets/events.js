// The list of events and the stream that feeds it and everything else.

import { byId, el, shown } from "./dom.js";
import { progressText } from "./firmware.js";

const SHOWN = 300;

/** What an event says, in one line. */
export function describe(event) {
  const data = event.data ?? {};
  switch (event.kind) {
    case "registered":
      return `LwM2M ${data.version}, lifetime ${data.lifetime} s, from ${data.address}`;
    case "updated":
      return `lifetime ${data.lifetime} s, from ${data.address}`;
    case "deregistered":
      return data.reason === "credentials-removed" ? "its credentials were removed" : "said goodbye";
    case "expired":
      return "lifetime over without a word";
    case "awake":
      return "awake, requests reach it";
    case "asleep":
      return "asleep, requests wait";
    case "refused":
      return `${data.reason} (${data.coapCode}), ${data.identity}, from ${data.address}`;
    case "observed":
      return `${(data.paths ?? []).join(", ")} is observed`;
    case "cancelled":
      return `${(data.paths ?? []).join(", ")} is observed no longer${data.coapCode ? ` (${data.coapCode})` : ""}`;
    case "notification":
    case "sent":
      return (data.entries ?? [])
        .map((entry) => `${entry.name ? `${entry.name} ` : ""}${entry.path} = ${shown(entry)}`)
        .join(", ");
    case "lag":
      return `${data.missed} events came too fast to be shown`;
    case "tour":
      return [data.step, data.state, data.detail].filter(Boolean).join(" · ");
    case "firmware":
      return progressText(data);
    default: {
      if (typeof data.text === "string") return data.text;
      const text = JSON.stringify(data);
      return text.length > 200 ? `${text.slice(0, 200)}…` : text;
    }
  }
}

export class EventLog {
  constructor(select) {
    this.select = select;
    this.list = byId("event-list");
    this.mine = byId("events-mine");
    this.pause = byId("events-pause");
    this.selected = null;
    this.waiting = [];
    this.uploads = new Map();
    byId("events-clear").addEventListener("click", () => {
      this.waiting = [];
      this.list.replaceChildren();
      this.empty();
    });
    this.mine.addEventListener("change", () => this.filter());
    this.empty();
  }

  empty() {
    this.list.dataset.empty = this.list.childElementCount === 0 ? "true" : "false";
  }

  /** Rows are made once a frame, however fast events come. */
  add(event) {
    if (this.pause.checked) return;
    this.waiting.push(event);
    if (this.waiting.length > SHOWN) this.waiting.shift();
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      for (const event of this.waiting) {
        const row = this.row(event);
        if (row) this.list.prepend(row);
      }
      this.waiting = [];
      while (this.list.childElementCount > SHOWN) this.list.lastElementChild.remove();
      this.empty();
    });
  }

  row(event) {
    const time = new Date(event.time * 1000);
    if (event.kind === "firmware") {
      // The blocks of one image are one row that counts.
      const upload = this.uploads.get(event.endpoint);
      this.uploads.delete(event.endpoint);
      if (event.data?.phase === "uploading" && upload?.isConnected) {
        upload.lastElementChild.textContent = describe(event);
        this.uploads.set(event.endpoint, upload);
        return null;
      }
    }
    const row = el("li", { "data-kind": event.kind, "data-endpoint": event.endpoint ?? "" },
      el("time", { datetime: time.toISOString(), text: time.toLocaleTimeString([], { hour12: false }) }),
      el("span", { class: "kind", text: event.kind }),
      event.endpoint
        ? el("button", {
          type: "button", class: "link", text: event.endpoint, title: `Show ${event.endpoint}`,
          on: { click: () => this.select(event.endpoint) },
        })
        : el("span"),
      el("span", { class: "what", text: describe(event) }));
    row.hidden = this.mine.checked && event.endpoint !== this.selected;
    if (event.kind === "firmware" && event.data?.phase === "uploading") this.uploads.set(event.endpoint, row);
    return row;
  }

  mark(endpoint) {
    this.selected = endpoint;
    this.mine.disabled = endpoint === null;
    if (endpoint === null) this.mine.checked = false;
    this.filter();
  }

  filter() {
    for (const row of this.list.children) {
      row.hidden = this.mine.checked && row.dataset.endpoint !== this.selected;
    }
  }
}

/** Connects to the event stream; the browser connects again by itself and asks for what it missed. */
export function listen(handle, connected) {
  const stream = byId("stream");
  const state = (name, text) => {
    if (stream.dataset.state === name) return;
    stream.dataset.state = name;
    stream.textContent = text;
  };
  const source = new EventSource("api/events?backlog=true");
  source.addEventListener("open", () => {
    state("live", "live");
    connected();
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      // Refused (too many pages, or the server is going down): the browser has given up, we have not.
      state("lost", "no connection");
      setTimeout(() => listen(handle, connected), 5000);
    } else {
      state("lost", "reconnecting…");
    }
  });
  source.addEventListener("message", (message) => {
    let event;
    try {
      event = JSON.parse(message.data);
    } catch {
      return;
    }
    handle(event);
  });
}
