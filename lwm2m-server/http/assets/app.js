// Puts the parts of the page together.

import { byId, refreshAgo } from "./dom.js";
import { DeviceList } from "./devices.js";
import { DevicePanel } from "./device.js";
import { EventLog, listen } from "./events.js";
import { Tour } from "./tour.js";

const list = new DeviceList(select);
const panel = new DevicePanel(byId("detail"));
const log = new EventLog(select);
const tour = new Tour();

/** The selected device stands in the address, so that it can be bookmarked and the back button works. */
function select(endpoint) {
  const hash = `#/${encodeURIComponent(endpoint)}`;
  if (location.hash === hash) show();
  else location.hash = hash;
}

function show() {
  if (location.hash !== "" && !location.hash.startsWith("#/")) return; // the skip link
  let endpoint = null;
  try {
    endpoint = decodeURIComponent(location.hash.slice(2)) || null;
  } catch { /* not an address of ours */ }
  list.mark(endpoint);
  log.mark(endpoint);
  panel.open(endpoint);
}

// An event may come twice, when the connection was lost: the last number tells.
let last = 0;

// What was before this page was opened is for the log: lists and devices are read as they are now.
let live = false;

function handle(event) {
  if (event.kind === "live") {
    live = true;
    return;
  }
  if (event.id !== undefined) {
    if (event.id <= last) return;
    last = event.id;
  }
  if (event.kind === "tour") tour.event(event);
  if (live) {
    list.event(event);
    panel.event(event);
  }
  log.add(event);
}

window.addEventListener("hashchange", show);
// What happened while the connection was lost may be more than the server has kept.
listen(handle, () => {
  list.reload();
  panel.refresh();
});
setInterval(refreshAgo, 5000);
list.reload();
show();
