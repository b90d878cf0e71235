// Zoom, search and opening. Without it the page still holds everything.
"use strict";

// What is open on paper, and what a link leads to.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details.printed:not([open]), .answer details:not([open])")) {
    details.open = true;
    details.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const details of document.querySelectorAll("[data-printed]")) {
    details.open = false;
    delete details.dataset.printed;
  }
});
const follow = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let element = target; element; element = element.parentElement) {
    if (element.localName === "details") element.open = true;
  }
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", follow);
follow();

for (const hidden of document.querySelectorAll(".tools, .scripted")) hidden.hidden = false;

// Stacks by group.
for (const tools of document.querySelectorAll(".tools.search")) {
  const [words, onlyStuck, status] = [...tools.querySelectorAll("input, span")];
  const stacks = [...document.querySelectorAll(".groups .stack")];
  const texts = stacks.map((stack) => stack.textContent.toLowerCase());
  const search = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let [groups, threads] = [0, 0];
    stacks.forEach((stack, index) => {
      const fits = wanted.every((word) => texts[index].includes(word));
      stack.hidden = !fits || (onlyStuck.checked && stack.classList.contains("idle"));
      if (!stack.hidden) {
        groups += 1;
        threads += Number(stack.querySelector(".count").textContent.replaceAll(",", ""));
      }
    });
    const all = wanted.length === 0 && !onlyStuck.checked;
    status.textContent = all ? "" : `${threads.toLocaleString("en")} in ${groups} of ${stacks.length} groups`;
  };
  words.addEventListener("input", search);
  onlyStuck.addEventListener("change", search);
}

// Icicle and flame graphs.
const ROW = 18;
for (const figure of document.querySelectorAll(".flame")) {
  const [boxes, picture, status] = [".boxes", ".boxes > svg", ".status"].map((it) => figure.querySelector(it));
  const [find, turn, reset] = [".find", ".turn", ".reset"].map((it) => figure.querySelector(it));
  const rows = Number(figure.dataset.rows);
  const frames = [...picture.children].map((box) => ({
    box,
    depth: Number(box.getAttribute("y")) / ROW,
    x: parseFloat(box.getAttribute("x")),
    width: parseFloat(box.getAttribute("width")),
    title: box.querySelector("title").textContent,
    children: [],
  }));
  const open = [];
  for (const frame of frames) {
    frame.parent = open[frame.depth - 1];
    frame.siblings = frame.parent ? frame.parent.children : (frames.roots ??= []);
    frame.siblings.push(frame);
    open[frame.depth] = frame;
    frame.box.frame = frame;
  }
  let [zoomed, here] = [null, null];

  // Places all boxes: those below the zoomed one fill the width, its callers lie across.
  const draw = () => {
    const [from, width] = zoomed ? [zoomed.x, zoomed.width] : [0, 100];
    const flipped = turn.getAttribute("aria-pressed") === "true";
    for (const frame of frames) {
      const passed = zoomed && frame.depth < zoomed.depth;
      const inside = passed
        ? frame.x <= from + 1e-4 && frame.x + frame.width >= from + width - 1e-4
        : frame.x >= from - 1e-4 && frame.x + frame.width <= from + width + 1e-4;
      frame.box.style.display = inside ? "" : "none";
      if (!inside) continue;
      const [x, w] = passed ? [0, 100] : [((frame.x - from) / width) * 100, (frame.width / width) * 100];
      frame.box.setAttribute("x", `${x}%`);
      frame.box.setAttribute("width", `${w}%`);
      frame.box.setAttribute("y", (flipped ? rows - 1 - frame.depth : frame.depth) * ROW);
      frame.box.classList.toggle("passed", Boolean(passed));
      if (w > 2.5 && !frame.box.querySelector("text")) {
        const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
        text.setAttribute("x", 4);
        text.setAttribute("y", 13);
        text.textContent = frame.title.split("\n")[0];
        frame.box.append(text);
      }
    }
    reset.disabled = !zoomed;
  };
  const tell = (frame) => {
    status.textContent = frame ? frame.title.replace("\n", ": ") : "";
  };
  const zoom = (frame) => {
    zoomed = frame && frame.width < 99.999 ? frame : null;
    draw();
    tell(frame);
  };
  const point = (frame) => {
    here?.box.classList.remove("here");
    here = frame;
    here.box.classList.add("here");
    here.box.scrollIntoView({ block: "nearest" });
    tell(here);
  };

  const of = (event) => event.target.closest("svg svg")?.frame;
  picture.addEventListener("click", (event) => {
    const frame = of(event);
    if (frame) zoom(frame === zoomed ? frame.parent ?? null : frame);
  });
  picture.addEventListener("mouseover", (event) => tell(of(event)));
  reset.addEventListener("click", () => zoom(null));
  turn.addEventListener("click", () => {
    const flame = turn.getAttribute("aria-pressed") !== "true";
    turn.setAttribute("aria-pressed", flame);
    draw();
    boxes.scrollTop = flame ? boxes.scrollHeight : 0;
  });
  find.addEventListener("input", () => {
    const word = find.value.toLowerCase();
    let share = 0;
    for (const frame of frames) {
      frame.hit = word !== "" && frame.title.split("\n")[0].toLowerCase().includes(word);
      frame.below = Boolean(frame.parent && (frame.parent.hit || frame.parent.below));
      frame.box.classList.toggle("hit", frame.hit);
      if (frame.hit && !frame.below) share += frame.width;
    }
    status.textContent = word ? `${share.toFixed(1)} % of the width has “${find.value}”` : "";
  });
  boxes.addEventListener("keydown", (event) => {
    const visible = (frame) => frame && frame.box.style.display !== "none";
    const start = here ?? zoomed ?? frames.roots[0];
    const beside = (step) => start.siblings[start.siblings.indexOf(start) + step];
    const flipped = turn.getAttribute("aria-pressed") === "true";
    const [down, up] = flipped ? ["ArrowUp", "ArrowDown"] : ["ArrowDown", "ArrowUp"];
    const to = { [down]: start.children[0], [up]: start.parent, ArrowLeft: beside(-1), ArrowRight: beside(1) };
    if (event.key in to) {
      const frame = here ? to[event.key] : start;
      if (visible(frame)) point(frame);
    } else if (event.key === "Enter") {
      zoom(start);
    } else if (event.key === "Escape") {
      zoom(null);
    } else {
      return;
    }
    event.preventDefault();
  });
  reset.disabled = true;
}
