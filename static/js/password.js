// Adds Show/Hide to <div data-password><input type="password"></div>.
for (const wrap of document.querySelectorAll("[data-password]")) {
  const input = wrap.querySelector("input");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Show";
  button.setAttribute("aria-label", "Show password");
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(shown));
  });
  wrap.append(button);
}
