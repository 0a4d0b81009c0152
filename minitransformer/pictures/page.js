// Makes a page answer to the mouse, to a finger and to the keyboard.
//
// Everything on the page can be read without this script. It turns the tokens of a text into buttons, which show what each
// head of attention looks at and leave words out, and it shows samples one at a time. It loads nothing and sends nothing.
"use strict";

const percent = (share) => `${(100 * share).toFixed(1)}%`;

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text ?? "";
  return made;
}

// ---- a text: <div data-reader='{"tokens": [..], "keys": [..], "heads": {name: [[per mille]]}, "said": [..], ..}'> ----

function read(root) {
  const text = JSON.parse(root.dataset.reader);
  const panel = root.querySelector(".panel");
  const said = element("p", "", "");
  said.setAttribute("aria-live", "polite");
  const heads = element("div", "heads");
  panel.append(said, heads);
  const buttons = [...root.querySelectorAll(".strip .token")].map((token) => pressable(token, text.without));
  const removals = text.without ? removing(root, text, buttons) : null;

  function show(i) {
    buttons.forEach((button, n) => button.classList.toggle("shown", n === i));
    const left = removals && !removals.without(i) ? ` ${removals.said(i)}` : "";
    said.textContent = text.said[i] + left;
    heads.replaceChildren(...Object.entries(text.heads).map(([name, weights]) => head(name, weights[i], text.keys)));
  }

  buttons.forEach((button, i) => {
    button.addEventListener("mouseenter", () => show(i));
    button.addEventListener("focus", () => show(i));
    button.addEventListener("click", () => { if (removals) removals.toggle(i); show(i); });
  });
  arrows(buttons);
  for (const hidden of root.querySelectorAll(".hint, .panel, .back")) hidden.hidden = false;
  show(text.first);
}

// The button that takes the place of a token.
function pressable(token, removable) {
  const button = element("button", token.className);
  button.type = "button";
  button.style.cssText = token.style.cssText;
  button.append(...token.childNodes);
  if (removable) button.setAttribute("aria-pressed", "false");
  token.replaceWith(button);
  return button;
}

// One stop of the Tab key for all buttons; arrows move between them.
function arrows(buttons) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  const stop = (i) => buttons.forEach((button, n) => { button.tabIndex = n === i ? 0 : -1; });
  buttons.forEach((button, i) => {
    button.addEventListener("focus", () => stop(i));
    button.addEventListener("keydown", (event) => {
      if (!(event.key in steps)) return;
      event.preventDefault();
      buttons[Math.min(Math.max(i + steps[event.key], 0), buttons.length - 1)].focus();
    });
  });
  stop(0);
}

// Where one head looks: every key in purple, the deeper the larger its share, and in words the largest, up to three of 1% or more.
function head(name, weights, keys) {
  const shown = element("div", "head");
  const most = Math.max(...weights) || 1;
  const strip = keys.map((key, j) => {
    const token = element("span", "token look", key);
    token.style.setProperty("--depth", weights[j] / most);
    token.title = percent(weights[j] / 1000);
    return token;
  });
  const order = keys.map((_, j) => j).sort((a, b) => weights[b] - weights[a]);
  const large = order.filter((j, rank) => rank === 0 || weights[j] >= 10).slice(0, 3);
  const words = large.map((j) => `'${keys[j].trim()}' (${Math.round(weights[j] / 10)}%)`);
  shown.append(element("b", "", `${name} looks at ${words.join(", ")}`), ...strip);
  return shown;
}

// ---- leaving words out: "without"[i][i] is the probability without token i, [i][j] without both ----

function removing(root, text, buttons) {
  const output = root.querySelector(".decision output");
  const track = root.querySelector(".decision .track i");
  const back = root.querySelector(".back");
  const known = (i, j) => typeof text.without[i][j] === "number";
  let out = [];  // the tokens that are left out, at most two

  function probability() {
    return out.length ? text.without[out[0]][out.at(-1)] : text.probability;
  }

  function update() {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(out.includes(i))));
    output.textContent = percent(probability());
    track.style.setProperty("--share", probability());
    back.disabled = !out.length;
  }

  // A word that would be one too many brings back the one that has been out for longest.
  function toggle(i) {
    if (out.includes(i)) out = out.filter((j) => j !== i);
    else out = [...out.slice(-1).filter((j) => known(i, j)), i];
    update();
  }

  back.addEventListener("click", () => { out = []; update(); });
  update();
  return {
    toggle,
    without: (i) => out.includes(i),
    said: (i) => `Without it: ${text.answer} ${percent(text.without[i][i])}.`,
  };
}

// ---- samples: <div data-samples> with an <ol>, of which one item is shown at a time ----

function step(root) {
  const items = [...root.querySelectorAll(":scope > ol > li")];
  const slider = element("input", "");
  Object.assign(slider, { type: "range", min: 0, max: items.length - 1, value: items.length - 1 });
  slider.setAttribute("aria-label", root.dataset.samples);
  const [before, after] = [element("button", "", "earlier"), element("button", "", "later")];

  function show(n) {
    items.forEach((item, i) => { item.hidden = i !== n; });
    slider.value = n;
    slider.setAttribute("aria-valuetext", items[n].querySelector("h4").textContent);
    before.disabled = n === 0;
    after.disabled = n === items.length - 1;
  }

  slider.addEventListener("input", () => show(Number(slider.value)));
  before.addEventListener("click", () => show(Number(slider.value) - 1));
  after.addEventListener("click", () => show(Number(slider.value) + 1));
  const bar = element("div", "stepper");
  bar.append(before, slider, after);
  root.prepend(bar);
  show(items.length - 1);
}

document.querySelectorAll("[data-reader]").forEach(read);
document.querySelectorAll("[data-samples]").forEach(step);
