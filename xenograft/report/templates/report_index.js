"use strict";
const body = document.querySelector("#verdicts tbody");
const said = document.querySelector("#sorted");
document.querySelectorAll("#verdicts thead th").forEach((head, column) => {
  const words = head.textContent.trim();
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = words;
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const falling = head.getAttribute("aria-sort") === "ascending";
    const key = row => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
    const order = (one, other) => {
      const [a, b] = [key(one), key(other)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const difference = a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b);
      return falling ? -difference : difference;
    };
    [...body.rows].sort(order).forEach(row => body.append(row));
    document.querySelectorAll("#verdicts thead th").forEach(one => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    said.textContent = `Sorted by ${words}, ${falling ? "falling" : "rising"}.`;
  });
});
