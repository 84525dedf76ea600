// Asks the device for one picture after another, and for the state of the whole.

import { draw, forget, said } from "./overlay.js";

const STATE_EVERY = 1000; // milliseconds
const PAUSE = 1500; // milliseconds before asking again, when there was no answer
const viewer = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const at = (id) => document.getElementById(id);
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

let camera = null; // the name of the one that is shown
let state = null; // as the device told it last
let shown = null; // what is in the picture that is shown
let times = []; // when the newest pictures came, to tell how many there are in a second
let asking = new AbortController(); // ends the wait for a picture of another camera

/** Ask for something; whoever is not logged in is sent to do so. */
async function ask(path, signal) {
  const answer = await fetch(path, { signal });
  if (answer.status === 401) {
    location.assign("/login");
    await new Promise(() => {}); // the page is about to go
  }
  return answer;
}

async function followPictures() {
  let number = 0;
  let last = null;
  for (;;) {
    if (document.hidden || camera === null) {
      await sleep(200);
      continue;
    }
    if (camera !== last) [last, number] = [camera, 0];
    try {
      const answer = await ask(`/picture/${encodeURIComponent(camera)}?after=${number}&viewer=${viewer}`, asking.signal);
      if (answer.status === 200) number = await show(await answer.arrayBuffer(), last);
      else if (answer.status === 204) notice(whyNot(camera));
      else await refused(answer);
    } catch (error) {
      if (error.name === "AbortError") continue;
      link("lost", "no connection");
      notice("no connection to the device");
      await sleep(PAUSE);
    }
  }
}

/** Why a camera sends no picture. */
function whyNot(name) {
  const { condition, reason } = toldOf(name);
  if (!condition || condition === "delivering") return "no new picture from this camera";
  return [`this camera is ${condition}`, reason].filter(Boolean).join(": ");
}

async function refused(answer) {
  notice(answer.status === 503 ? "too many people look already; waiting for a place" : await answer.text());
  await sleep(PAUSE);
}

/** Show a picture: a line of JSON that says what is in it, then the JPEG. */
async function show(message, from) {
  const bytes = new Uint8Array(message);
  const end = bytes.indexOf(10);
  const found = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  const next = new Image();
  next.id = "picture";
  next.alt = "What the camera sees";
  next.src = URL.createObjectURL(new Blob([bytes.subarray(end + 1)], { type: "image/jpeg" }));
  try {
    await next.decode();
  } finally {
    URL.revokeObjectURL(next.src);
  }
  if (from !== camera) return found.number;
  at("picture").replaceWith(next);
  at("stage").style.setProperty("--shape", found.width / found.height);
  shown = found;
  times = [...times, performance.now()].slice(-20);
  notice("");
  drawShown();
  listPeople(found.people);
  return found.number;
}

function drawShown() {
  if (shown === null) return;
  const { zones, min_face } = toldOf(camera);
  draw(shown, zones ?? [], at("smallest").checked ? min_face ?? 0 : 0);
}

/** What the device told of a camera; nothing before it did. */
function toldOf(name) {
  return state?.cameras.find((one) => one.name === name) ?? {};
}

function notice(text) {
  at("notice").textContent = text;
  at("stage").classList.toggle("old", text !== "");
}

function link(kind, text) {
  at("link").dataset.state = kind;
  at("link").textContent = text;
}

function listPeople(people) {
  const rows = people.map((person) => {
    const row = element("li", "", person.kind);
    const votes = person.votes === 1 ? "1 vote" : `${person.votes} votes`;
    row.append(element("b", `#${person.id} ${said(person)}`), element("span", votes), element("small", sizeOf(person)));
    return row;
  });
  at("people").replaceChildren(...(rows.length ? rows : [element("li", "nobody in the picture", "nobody")]));
}

function sizeOf(person) {
  const smallest = toldOf(camera).min_face ?? 0;
  return `face ${person.pixels} px${person.pixels < smallest ? `, smaller than ${smallest} px does not count` : ""}`;
}

async function followState() {
  for (;;) {
    if (!document.hidden) {
      try {
        showState(await (await ask("/state")).json());
      } catch {
        link("lost", "no connection");
      }
    }
    await sleep(STATE_EVERY);
  }
}

function showState(told) {
  state = told;
  if (!told.cameras.some((one) => one.name === camera)) choose(told.cameras[0].name);
  const device = `${told.site} / ${told.device}`;
  document.title = `MaskGate ${device}`;
  at("device").textContent = device;
  at("logout").hidden = !told.login;
  link("live", "live");
  listCameras(told.cameras);
  at("counts").replaceChildren(...told.counts.map((one) => {
    const row = element("li", "", one.kind);
    row.append(element("b", one.count), element("span", one.what));
    return row;
  }));
  listAlerts(told.alerts, told.cameras.length > 1);
  listHealth(told);
  at("facts").textContent = facts(told);
  drawShown();
}

function listCameras(cameras) {
  at("cameras").hidden = cameras.length < 2;
  const names = cameras.map((one) => one.name).join(" ");
  if (at("cameras").dataset.names !== names) {
    at("cameras").dataset.names = names;
    at("cameras").replaceChildren(...cameras.map((one) => {
      const button = element("button", one.name);
      button.addEventListener("click", () => choose(one.name));
      return button;
    }));
  }
  for (const button of at("cameras").children) button.ariaPressed = String(button.textContent === camera);
}

function choose(name) {
  camera = name;
  [shown, times] = [null, []];
  asking.abort();
  asking = new AbortController();
  forget();
  at("people").replaceChildren();
  at("picture").hidden = true;
  notice("waiting for a picture");
  if (state) listCameras(state.cameras);
}

function listAlerts(alerts, several) {
  const rows = alerts.map((alert) => {
    const row = element("li");
    const when = new Date(1000 * alert.time);
    const time = element("time", when.toLocaleTimeString());
    time.dateTime = when.toISOString();
    time.title = when.toLocaleString();
    const what = several ? `${alert.label}, ${alert.camera}` : alert.label;
    const lasted = alert.over === null ? "still here" : `${Math.max(0, Math.round(alert.over - alert.time))} s`;
    row.append(time, element("b", what), element("span", lasted, alert.over === null ? "open" : ""));
    return row;
  });
  at("alerts").replaceChildren(...(rows.length ? rows : [element("li", "none yet")]));
}

function facts(told) {
  const parts = [];
  if (shown) parts.push(`${shown.width} × ${shown.height}`);
  if (times.length > 1) parts.push(`${(1000 * (times.length - 1) / (times.at(-1) - times[0])).toFixed(0)} pictures/s`);
  parts.push(told.faces_hidden ? "faces pixelated" : "faces shown");
  return parts.join(" · ");
}

/** Rows of what is told; `health` is the message that the device publishes. */
function listHealth(told) {
  const rows = told.cameras.flatMap((one) => cameraRows(one, told.cameras.length > 1));
  if (told.health) rows.push(...deviceRows(told.health));
  at("health").replaceChildren(...rows.flatMap(([name, value, bad]) => {
    const told = element("dd", value, bad ? "bad" : "");
    return name ? [element("dt", name), told] : [told];
  }));
}

function cameraRows(one, several) {
  const bad = one.condition === "away" || one.condition === "failed";
  const speed = one.condition === "delivering" ? `, ${one.frames_per_second} frames/s` : "";
  const rows = [[several ? one.name : "Camera", one.condition + speed, bad]];
  if (one.reason) rows.push(["", one.reason, bad]);
  const lost = [];
  if (one.dropped) lost.push(`${one.dropped} frames dropped`);
  if (one.outages) lost.push(one.outages === 1 ? "away once" : `away ${one.outages} times`);
  if (lost.length) rows.push(["", lost.join(", "), false]);
  return rows;
}

function deviceRows(health) {
  const rows = [["Broker", health.broker.connected ? "connected" : "not connected", !health.broker.connected]];
  if (!health.broker.connected) rows.push(["", health.broker.detail, true]);
  rows.push(["Waiting alerts", `${health.outbox.waiting}${health.outbox.dropped ? `, ${health.outbox.dropped} lost` : ""}`, health.outbox.dropped > 0]);
  const total = health.latency_ms.total;
  if (total) rows.push(["A frame takes", `${total.median.toFixed(1)} ms`, false]);
  if (health.temperature_c !== null) rows.push(["Temperature", `${health.temperature_c} °C`, health.temperature_c >= 80]);
  if (health.throttling?.now.length) rows.push(["Throttled", health.throttling.now.join(", "), true]);
  if (health.shedding.reason) rows.push(["Skips frames", health.shedding.reason, true]);
  rows.push(["Memory", `${Math.round(health.memory_bytes / 2 ** 20)} MB`, false]);
  rows.push(["Up for", duration(health.uptime_s), false]);
  if (!health.clock_trusted) rows.push(["Clock", "not set yet", true]);
  if (health.update_failure) rows.push(["Update", `taken back: ${health.update_failure.reason}`, true]);
  if (health.last_error) rows.push(["Last error", new Date(health.last_error.time).toLocaleTimeString(), true], ["", health.last_error.text, false]);
  return rows;
}

function duration(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function element(name, text = "", kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function toggleLarge() {
  const large = document.body.classList.toggle("large");
  at("large").ariaPressed = String(large);
  at("large").textContent = large ? "Back" : "Large";
  drawShown();
}

at("large").addEventListener("click", toggleLarge);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("large")) toggleLarge();
});
at("smallest").addEventListener("change", drawShown);
addEventListener("resize", drawShown);
followState();
followPictures();
