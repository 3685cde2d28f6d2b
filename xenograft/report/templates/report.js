"use strict";
// Without this script the page lacks nothing but its buttons, which the script makes itself.
const told = document.getElementById("told");
const say = words => { told.textContent = ""; requestAnimationFrame(() => { told.textContent = words; }); };

function buttons(place, made) {
  const row = document.createElement("div");
  row.className = "buttons";
  for (const [words, label, act] of made) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    row.append(button);
  }
  place.after(row);
}

async function copy(items, what) {
  let copied = true;
  try {
    await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(
      Object.entries(items).map(([kind, text]) => [kind, new Blob([text], { type: kind })])))]);
  } catch {  // a page opened from a disk may not have the clipboard: the older way takes what is selected
    const area = document.createElement("textarea");
    area.value = items["text/plain"];
    document.body.append(area);
    area.select();
    copied = document.execCommand("copy");
    area.remove();
  }
  say(copied ? `${what} copied.` : `${what} not copied: this browser does not let the page. Select it and copy by hand.`);
}

document.querySelectorAll("blockquote.copied").forEach(quote => {
  const words = quote.textContent.trim().replace(/\s+/g, " ");
  buttons(quote, [["Copy", `Copy: ${words.slice(0, 60)} …`, () => copy({ "text/plain": words }, "Sentence")]]);
});

document.querySelectorAll("main table").forEach(table => {
  const name = table.caption?.textContent.trim() ?? "Table";
  const text = cell => cell.innerText.trim().replace(/\s+/g, " ");
  buttons(table.closest(".scroll") ?? table, [["Copy table", `Copy the table: ${name}`, () => {
    const cells = [...table.rows].map(row => [...row.cells].map(text).join("\t")).join("\n");
    copy({ "text/plain": cells, "text/html": table.outerHTML }, "Table");
  }]]);
});

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`${name} saved.`);
}

// the page's own colours follow its theme; a file is for white paper
const LIGHT = {{ light | tojson }};

function drawn(svg) {
  const own = svg.cloneNode(true);
  own.setAttribute("xmlns", svg.namespaceURI);
  const box = svg.viewBox.baseVal;
  own.setAttribute("width", `${box.width}pt`);
  own.setAttribute("height", `${box.height}pt`);
  const text = new XMLSerializer().serializeToString(own).replace(/var\((--\w+)\)/g, (_, name) => LIGHT[name]);
  return { text, width: box.width, height: box.height };
}

document.querySelectorAll("figure").forEach(figure => {
  const svg = figure.querySelector(".wide svg") ?? figure.querySelector("svg");
  const name = figure.id.replace(/^figure-/, "");
  if (!svg) return;
  const label = kind => `Save the figure ${name} as ${kind}`;
  buttons(figure.querySelector("figcaption") ?? figure.lastElementChild, [
    ["SVG", label("SVG"), () => save(new Blob([drawn(svg).text], { type: "image/svg+xml" }), `${name}.svg`)],
    ["PNG", label("PNG"), () => {
      const { text, width, height } = drawn(svg), image = new Image(), scale = 300 / 72;
      image.onload = () => {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
        const context = canvas.getContext("2d");
        context.fillStyle = "white";
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob(blob => save(blob, `${name}.png`), "image/png");
      };
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    }],
    ["PDF", `Print the figure ${name}, or save it as PDF`, () => {
      const pages = [document.body, figure];
      pages.forEach(one => one.classList.add("alone"));
      addEventListener("afterprint", () => pages.forEach(one => one.classList.remove("alone")), { once: true });
      print();
    }],
  ]);
});
