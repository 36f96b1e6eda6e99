// <form data-passkey="sign-in|use|add">: asks the browser for a passkey, puts its answer into the field `credential` and
// sends the form. The options come with the page (#passkey-options) or, before a sign-in, from the form's own address.
const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
const withBytes = (list) => (list ?? []).map((each) => ({ ...each, id: toBytes(each.id) }));

const REASONS = {
  NotAllowedError: "Nothing was chosen, or it took too long. Try again.",
  InvalidStateError: "This passkey is registered already.",
  SecurityError: "Passkeys need the name of this site: open it by its name (on this machine: localhost), not by a number.",
};

function problemHere() {
  if (!window.isSecureContext || !window.PublicKeyCredential) return "This browser cannot use passkeys here.";
  const isNumber = /^[\d.]+$|^\[/.test(location.hostname);
  return isNumber ? REASONS.SecurityError : "";
}

async function create(options, form) {
  const publicKey = structuredClone(options.creation_options.publicKey);
  const alone = form.elements.passwordless?.checked ?? true;
  publicKey.challenge = toBytes(publicKey.challenge);
  publicKey.user.id = toBytes(publicKey.user.id);
  publicKey.excludeCredentials = withBytes(publicKey.excludeCredentials);
  publicKey.authenticatorSelection = {
    ...publicKey.authenticatorSelection,
    residentKey: alone ? "required" : "discouraged",
    requireResidentKey: alone,
    ...(alone && { userVerification: "required" }),
  };
  const made = await navigator.credentials.create({ publicKey });
  return answerOf(made, {
    attestationObject: toText(made.response.attestationObject),
    transports: made.response.getTransports?.() ?? [],
  });
}

async function get(options) {
  const publicKey = structuredClone(options.request_options.publicKey);
  publicKey.challenge = toBytes(publicKey.challenge);
  publicKey.allowCredentials = withBytes(publicKey.allowCredentials);
  const found = await navigator.credentials.get({ publicKey });
  const { authenticatorData, signature, userHandle } = found.response;
  return answerOf(found, {
    authenticatorData: toText(authenticatorData),
    signature: toText(signature),
    userHandle: userHandle ? toText(userHandle) : null,
  });
}

const answerOf = (credential, response) => ({
  id: credential.id,
  rawId: toText(credential.rawId),
  type: credential.type,
  authenticatorAttachment: credential.authenticatorAttachment,
  clientExtensionResults: credential.getClientExtensionResults(),
  response: { clientDataJSON: toText(credential.response.clientDataJSON), ...response },
});

async function optionsOf(form) {
  if (form.dataset.passkey !== "sign-in") return JSON.parse(document.getElementById("passkey-options").textContent);
  const headers = { Accept: "application/json", "X-Requested-With": "XMLHttpRequest" };
  const answer = await fetch(form.action, { headers });
  if (!answer.ok) throw new Error(`options: ${answer.status}`);
  return answer.json();
}

function tell(form, text) {
  const place = form.querySelector("[data-passkey-problem]");
  place.textContent = text;
  place.hidden = !text;
}

async function send(form) {
  tell(form, "");
  const problem = problemHere();
  if (problem) return tell(form, problem);
  try {
    const options = await optionsOf(form);
    const answer = form.dataset.passkey === "add" ? await create(options, form) : await get(options);
    form.elements.credential.value = JSON.stringify(answer);
    form.submit();
  } catch (error) {
    tell(form, REASONS[error.name] ?? "That did not work. Reload the page and try again.");
  }
}

for (const form of document.querySelectorAll("[data-passkey]")) {
  form.querySelector("button[hidden]").hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}
