// Files chosen or dropped are sent one by one, each with its own progress; the server answers with the file's row, or
// with the words of a refusal. Without scripts the same form sends them all and the page comes back.
const form = document.querySelector("[data-upload]");
const sending = form?.querySelector("[data-upload-sending]");
const input = form?.querySelector('input[type="file"]');

function line(file) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = file.name;
  const bar = document.createElement("progress");
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", `${file.name}: how far it is sent`);
  item.append(name, bar);
  sending.append(item);
  return { item, bar };
}

function words(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const found = page.querySelector("[data-problem] p:last-of-type, .alert p:last-of-type, .problem p.muted");
  return found?.textContent.trim() || "It could not be uploaded. Try again.";
}

function place(text) {
  const list = document.getElementById(form.dataset.uploadList);
  const row = new DOMParser().parseFromString(text, "text/html").querySelector("li");
  if (!row) return;
  document.getElementById(row.id)?.remove();
  list.prepend(row);
  list.hidden = false;
  document.querySelector("[data-upload-empty]")?.remove();
  window.htmx?.process(row);
}

function refuse(item, bar, text) {
  bar.remove();
  const problem = document.createElement("span");
  problem.dataset.failed = "";
  problem.textContent = text;
  item.append(problem);
}

function send(file) {
  const { item, bar } = line(file);
  const body = new FormData(form);
  body.delete("files");
  body.append("files", file, file.name);
  const request = new XMLHttpRequest();
  return new Promise((done) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
    });
    request.addEventListener("loadend", () => {
      if (request.status === 201) {
        item.remove();
        place(request.responseText);
      } else refuse(item, bar, request.status ? words(request.responseText) : "The connection broke off. Try again.");
      done();
    });
    request.open("POST", form.action);
    request.setRequestHeader("HX-Request", "true");
    request.send(body);
  });
}

async function sendAll(files) {
  for (const file of files) await send(file);
  input.value = "";
}

if (form) {
  form.querySelector("[data-upload-hint]").hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sendAll([...input.files]);
  });
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.dataset.over = "";
    });
  }
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) delete form.dataset.over;
  });
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    delete form.dataset.over;
    sendAll([...event.dataTransfer.files]);
  });
}
