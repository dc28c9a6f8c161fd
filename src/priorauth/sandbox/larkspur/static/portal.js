"use strict";

// Questions that do not apply are hidden and not sent.
for (const field of document.querySelectorAll("[data-hidden-when]")) {
  const [name, value] = field.dataset.hiddenWhen.split("=");
  const update = () => {
    const chosen = document.querySelector(`input[name="${name}"]:checked`);
    field.hidden = chosen !== null && chosen.value === value;
    for (const input of field.querySelectorAll("input, select, textarea")) {
      input.disabled = field.hidden;
    }
  };
  for (const input of document.getElementsByName(name)) {
    input.addEventListener("change", update);
  }
  update();
}

for (const text of document.querySelectorAll("[data-counted]")) {
  const counter = document.querySelector(`[data-counter-of="${text.name}"]`);
  const update = () => {
    counter.textContent = `${text.value.length} of ${text.dataset.counted} characters`;
  };
  text.addEventListener("input", update);
  update();
}
