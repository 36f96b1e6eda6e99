// Runs before the first paint (a classic script in <head>), so that a stored theme never flashes.
(() => {
  const KEY = "steward.theme";
  const root = document.documentElement;

  // What was chosen in this browser, else what the person prefers everywhere.
  const read = () => {
    try {
      return localStorage.getItem(KEY) ?? root.dataset.themeDefault;
    } catch {
      return root.dataset.themeDefault; // storage may be forbidden
    }
  };

  const apply = (choice) => {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
    else delete root.dataset.theme;
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === (choice || "system")));
    }
  };

  apply(read());

  document.addEventListener("DOMContentLoaded", () => {
    for (const group of document.querySelectorAll("[data-theme-switch]")) group.hidden = false;
    apply(read());
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-choice]");
    if (!button) return;
    const choice = button.dataset.themeChoice;
    try {
      // "system" is kept where the person's own default is another theme.
      if (choice !== "system" || root.dataset.themeDefault) localStorage.setItem(KEY, choice);
      else localStorage.removeItem(KEY);
    } catch {
      // not kept, but shown for this page
    }
    apply(choice);
  });

  window.addEventListener("storage", (event) => {
    if (event.key === KEY) apply(read());
  });
})();
