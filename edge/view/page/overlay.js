// Draws what was found over the picture: zones, boxes, trails and labels.

const SVG = "http://www.w3.org/2000/svg";
const TRAIL = 25; // pictures that a trail reaches back
const overlay = document.getElementById("overlay");
const labels = document.getElementById("labels");
let trails = new Map(); // by person, the newest last

/** Forget where people were: another camera is shown. */
export function forget() {
  trails = new Map();
  overlay.replaceChildren();
  labels.replaceChildren();
}

/**
 * Draw over a picture.
 * @param picture its width and height in pixels, the people in it, and faces that do not count.
 * @param zones polygons of [x, y], as shares of the picture.
 * @param smallest side in pixels of the smallest face that is looked for; 0 not to draw it.
 */
export function draw(picture, zones, smallest) {
  const { width, height, people, bystanders } = picture;
  overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const shapes = zones.map((zone) =>
    shape("polygon", "zone", { points: zone.map(([x, y]) => `${x * width},${y * height}`).join(" ") }),
  );
  shapes.push(...bystanders.map((box) => shape("rect", "box bystander", inPixels(box, width, height))));
  const texts = [];
  const remembered = new Map();
  for (const person of people) {
    const [left, top, , bottom] = person.box;
    const box = inPixels(person.box, width, height);
    const lost = person.in_sight ? "" : " lost";
    const trail = longer(trails.get(person.id) ?? [], `${box.x + box.width / 2},${box.y + box.height}`);
    remembered.set(person.id, trail);
    shapes.push(shape("polyline", `trail ${person.kind}`, { points: trail.join(" ") }));
    if (!lost) shapes.push(shape("rect", "under", box));
    shapes.push(shape("rect", `box ${person.kind}${lost}`, box));
    texts.push(label(lost ? `#${person.id}` : `#${person.id} ${said(person)}`, person.kind + lost, left, top, bottom));
  }
  if (smallest) {
    const x = width * 0.02, y = height * 0.97 - smallest;
    shapes.push(shape("rect", "smallest", { x, y, width: smallest, height: smallest }));
    texts.push(label(`${smallest} px`, "aid", 0.02, y / height, 1));
  }
  trails = remembered;
  overlay.replaceChildren(...shapes);
  labels.replaceChildren(...texts);
  texts.forEach(keepInside);
}

/** What is known of a person, in few words. */
export function said(person) {
  if (!person.in_sight) return `${person.label}, out of sight`;
  return person.kind === "unsure" ? "unsure" : `${person.label} ${Math.round(100 * person.confidence)} %`;
}

function inPixels([left, top, right, bottom], width, height) {
  return { x: left * width, y: top * height, width: (right - left) * width, height: (bottom - top) * height };
}

/** A trail with another point, unless nothing has moved: the same picture may be drawn again. */
function longer(trail, point) {
  return trail.at(-1) === point ? trail : [...trail, point].slice(-TRAIL);
}

function shape(name, kind, attributes) {
  const made = document.createElementNS(SVG, name);
  made.setAttribute("class", kind);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function label(text, kind, left, top, bottom) {
  const made = document.createElement("span");
  made.textContent = text;
  made.className = kind;
  made.style.left = `${100 * left}%`;
  // Above the box, or below it where there is no room.
  if (top > 0.06) made.style.bottom = `calc(${100 * (1 - top)}% + 4px)`;
  else made.style.top = `calc(${100 * bottom}% + 4px)`;
  return made;
}

/** Move a label back that reaches out of the picture. */
function keepInside(made) {
  const over = made.offsetLeft + made.offsetWidth - labels.clientWidth;
  if (over > 0) made.style.left = `${Math.max(0, made.offsetLeft - over)}px`;
}
